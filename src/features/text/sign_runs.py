"""TF-IDF of runs of signs over a known vocabulary: as scikit-learn gives it, but faster."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix, vstack
from sklearn.preprocessing import normalize

__all__ = ["SignRuns"]

_BITS = 16  # of a sign's number: four signs fill 64 bits
_LONGEST_RUN = 64 // _BITS
_TEXTS_AT_ONCE = 2_000


class SignRuns:
    """Weights of runs of signs in texts, as `TfidfVectorizer` gives them.

    Signs are numbered, a run is its numbers side by side in 64 bits, and the runs of many texts
    are looked up together instead of one by one.

    Parameters
    ----------
    terms : list of str
        The vocabulary, in the order of its columns; runs of four signs at most.
    weights : array of shape (n_terms,)
        Inverse document frequencies.
    """

    def __init__(self, terms: list[str], weights: np.ndarray) -> None:
        self._weights = weights
        signs = sorted(set("".join(terms)))
        self._numbers = np.zeros(0x110000, np.uint64)
        self._numbers[[ord(sign) for sign in signs]] = np.arange(1, len(signs) + 1)
        self._known = [self._of_length(terms, n) for n in range(1, _LONGEST_RUN + 1)]

    @staticmethod
    def fits(terms: list[str]) -> bool:
        """Whether a vocabulary has few enough signs, and short enough runs."""
        return len(set("".join(terms))) < 2**_BITS and max(map(len, terms)) <= _LONGEST_RUN

    def _of_length(self, terms: list[str], n: int) -> tuple[np.ndarray, np.ndarray]:
        """Sorted keys of the terms of n signs, and their columns."""
        columns = np.array([i for i, term in enumerate(terms) if len(term) == n], int)
        signs = _signs_of("".join(terms[column] for column in columns)).reshape(-1, n)
        keys = np.zeros(len(columns), np.uint64)
        for position in range(n):
            keys = (keys << np.uint64(_BITS)) | self._numbers[signs[:, position]]
        order = np.argsort(keys)
        return keys[order], columns[order]

    def transform(self, texts: Sequence[str]) -> csr_matrix:
        """Give weights, shape (n, n_terms), each row of length one or empty."""
        starts = range(0, len(texts), _TEXTS_AT_ONCE)
        parts = [self._transform(texts[start : start + _TEXTS_AT_ONCE]) for start in starts]
        return vstack(parts, format="csr") if parts else csr_matrix((0, len(self._weights)))

    def _transform(self, texts: Sequence[str]) -> csr_matrix:
        numbers = self._numbers[_signs_of("".join(texts))]
        text_of = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
        keys, is_run = np.zeros(len(numbers), np.uint64), np.ones(len(numbers), bool)
        rows, columns = [], []
        for n, (known, columns_of) in enumerate(self._known, start=1):
            # a run of n begins where one of n - 1 does, if the next sign is of the text and known
            last = numbers[n - 1 :]
            keys = (keys[: len(last)] << np.uint64(_BITS)) | last
            begins = text_of[: len(last)]
            is_run = is_run[: len(last)] & (last > 0) & (begins == text_of[n - 1 :])
            place = np.searchsorted(known, keys[is_run])
            place[place == len(known)] = 0
            is_known = known[place] == keys[is_run] if len(known) else np.zeros(len(place), bool)
            rows.append(begins[is_run][is_known])
            columns.append(columns_of[place[is_known]])
        return self._weighted(np.concatenate(rows), np.concatenate(columns), len(texts))

    def _weighted(self, rows: np.ndarray, columns: np.ndarray, n_texts: int) -> csr_matrix:
        shape = (n_texts, len(self._weights))
        X = csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)
        X.data = (np.log(X.data) + 1.0) * self._weights[X.indices]
        return normalize(X, copy=False)


def _signs_of(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)
