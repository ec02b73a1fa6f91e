"""EfficientNet-Lite0 as an ONNX graph, made from its weights.

Tan, M. and Le, Q. (2019), EfficientNet: rethinking model scaling for convolutional neural networks,
ICML; the Lite variant has ReLU6 and no squeeze-and-excitation. Each batch normalisation is folded
into the convolution before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["EMBEDDING_SIZE", "INPUT_PIXELS", "build_graph"]

INPUT_PIXELS = 224
EMBEDDING_SIZE = 1280
_N_CLASSES = 1000
_EPSILON = 1e-3  # of the batch normalisations, as trained
_STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
"""Blocks of each stage, and the stride of its first; all else the weights' shapes say."""

_OPSET = 17
_IR_VERSION = 10

Weights = Mapping[str, np.ndarray]


@dataclass
class _Graph:
    """Nodes and numbers so far; each step takes a value's name and gives the next."""

    weights: Weights
    nodes: list = field(default_factory=list)
    numbers: list = field(default_factory=list)

    def add(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        from onnx import helper

        output = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def number(self, name: str, values: np.ndarray) -> str:
        from onnx import numpy_helper

        self.numbers.append(numpy_helper.from_array(values, name))
        return name

    def convolution(self, value: str, name: str, norm: str, **attributes: Any) -> str:
        """Add a convolution with the batch normalisation that follows it."""
        kernel, bias = _fold(self.weights, name, norm)
        names = [self.number(f"{name}.kernel", kernel), self.number(f"{name}.bias", bias)]
        return self.add("Conv", [value, *names], auto_pad="SAME_UPPER", **attributes)

    def relu6(self, value: str) -> str:
        return self.add("Clip", [value, "zero", "six"])

    def block(self, value: str, name: str, stride: int, is_repeat: bool) -> str:
        """Add an inverted bottleneck: widen, filter each channel, narrow, add what came in."""
        expand, depthwise, project = (
            f"{name}.{part}_conv" for part in ("_expand", "_depthwise", "_project")
        )
        inner = value
        if f"{expand}.weight" in self.weights:
            inner = self.relu6(self.convolution(value, expand, f"{name}._bn0"))
        n_channels = len(self.weights[f"{depthwise}.weight"])
        inner = self.convolution(
            inner, depthwise, f"{name}._bn1", group=n_channels, strides=[stride, stride]
        )
        outer = self.convolution(self.relu6(inner), project, f"{name}._bn2")
        return self.add("Add", [outer, value]) if is_repeat else outer


def build_graph(weights: Weights) -> bytes:
    """Build the network as a serialised ONNX model.

    Parameters
    ----------
    weights : mapping of str to array
        State dict of EfficientNet-Lite0, float32, from `src.features.images.weights`.

    Returns
    -------
    bytes
        Input `pixels` (n, 3, 224, 224), float32, (sRGB - 127) / 128. Outputs `embedding`
        (n, 1280), at least 0, and `p` (n, 1000), probabilities of ImageNet's classes that sum
        to 1.
    """
    graph = _Graph(weights)
    graph.number("zero", np.float32(0))
    graph.number("six", np.float32(6))
    value = graph.relu6(graph.convolution("pixels", "_conv_stem", "_bn0", strides=[2, 2]))
    blocks = [(stride, place) for n, stride in _STAGES for place in range(n)]
    for number, (first_stride, place) in enumerate(blocks):
        stride = 1 if place else first_stride
        value = graph.block(value, f"_blocks.{number}", stride, is_repeat=place > 0)
    value = graph.relu6(graph.convolution(value, "_conv_head", "_bn1"))
    _add_head(graph, value)
    return _serialise(graph)


def _add_head(graph: _Graph, value: str) -> None:
    """Add the mean over the picture, which is the embedding, and the classes' probabilities."""
    from onnx import helper

    mean = graph.add("GlobalAveragePool", [value])
    graph.nodes.append(helper.make_node("Flatten", [mean], ["embedding"]))
    kernel = graph.number("_fc.kernel", graph.weights["_fc.weight"])
    bias = graph.number("_fc.offset", graph.weights["_fc.bias"])
    logits = graph.add("Gemm", ["embedding", kernel, bias], transB=1)
    graph.nodes.append(helper.make_node("Softmax", [logits], ["p"]))


def _fold(weights: Weights, name: str, norm: str) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias of a convolution and its batch normalisation in one."""
    mean, variance = weights[f"{norm}.running_mean"], weights[f"{norm}.running_var"]
    scale = weights[f"{norm}.weight"] / np.sqrt(variance + _EPSILON)
    kernel = weights[f"{name}.weight"] * scale[:, None, None, None]
    bias = weights[f"{norm}.bias"] - mean * scale
    return kernel.astype(np.float32), bias.astype(np.float32)


def _serialise(graph: _Graph) -> bytes:
    from onnx import TensorProto, helper

    shapes = {
        "pixels": ["n", 3, INPUT_PIXELS, INPUT_PIXELS],
        "embedding": ["n", EMBEDDING_SIZE],
        "p": ["n", _N_CLASSES],
    }
    pixels, *outputs = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    )
    whole = helper.make_graph(graph.nodes, "efficientnet_lite0", [pixels], outputs, graph.numbers)
    opset = helper.make_opsetid("", _OPSET)
    model = helper.make_model(whole, opset_imports=[opset], ir_version=_IR_VERSION)
    return model.SerializeToString()
