"""Answers of a language model, kept by the hash of what was asked."""

import json
import os
from pathlib import Path
import re
import tempfile

__all__ = ["CopyCache"]

_HASH = re.compile(r"[0-9a-f]{64}")
_MAX_BYTES = 262_144


class CopyCache:
    """A folder with one file per answer; what cannot be read counts as not there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, prompt_sha256: str) -> str | None:
        """Give the answer to a prompt, if it was kept whole."""
        path = self._path(prompt_sha256)
        try:
            if path.stat().st_size > _MAX_BYTES:
                return None
            kept = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        is_whole = isinstance(kept, dict) and kept.get("prompt_sha256") == prompt_sha256
        answer = kept.get("answer") if is_whole else None
        return answer if isinstance(answer, str) else None

    def write(self, prompt_sha256: str, answer: str) -> None:
        """Keep an answer: all of it or nothing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=self.folder)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"prompt_sha256": prompt_sha256, "answer": answer}, file, ensure_ascii=False)
        os.replace(draft, self._path(prompt_sha256))

    def _path(self, prompt_sha256: str) -> Path:
        if not _HASH.fullmatch(prompt_sha256):
            raise ValueError("Expected a hash of 64 hexadecimal digits.")
        return self.folder / f"{prompt_sha256}.json"
