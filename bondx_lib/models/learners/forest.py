"""Forests as plain arrays: written without pickle, checked when read, evaluated by scikit-learn.

A forest is a list of trees and a number for each leaf; it predicts the mean of the leaves' numbers.
That covers a random forest (the leaf's share of events) and an isolation forest (the leaf's path
length). Reading rebuilds scikit-learn's tree from arrays that were checked first: a file from a
stranger can be wrong, but it cannot run code or read outside its arrays.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.tree._tree import NODE_DTYPE, Tree

from bondx_lib.artefacts import whole
from bondx_lib.errors import BadInput

Floats = NDArray[np.float64]
LEAF: Final = -1
FIELDS: Final = tuple(NODE_DTYPE.names or ())


@dataclass(frozen=True)
class Forest:
    """Trees and the number of each of their nodes (only leaves count).

    Attributes
    ----------
    trees
        scikit-learn trees.
    leaf_values
        One array per tree, of the tree's node count.
    """

    trees: tuple[Any, ...]
    leaf_values: tuple[Floats, ...]

    def predict(self, rows: NDArray[np.float32]) -> Floats:
        """Return the mean leaf value of each row; rows of shape (n, features)."""
        rows = np.ascontiguousarray(rows, np.float32)
        total = np.zeros(len(rows))
        for tree, values in zip(self.trees, self.leaf_values, strict=True):
            total += values[tree.apply(rows)]
        return total / len(self.trees)

    def save(self, path: Path, *, event: bool = False) -> None:
        """Write the forest as an .npz of plain arrays, the same bytes for the same forest.

        ``event`` says that the leaf values are shares of events.
        """
        nodes = [tree.__getstate__()["nodes"] for tree in self.trees]
        arrays: dict[str, Any] = {
            f"node_{name}": np.concatenate([node[name] for node in nodes]) for name in FIELDS
        }
        arrays["node_counts"] = np.array([len(node) for node in nodes], np.int64)
        arrays["max_depths"] = np.array([tree.max_depth for tree in self.trees], np.int64)
        arrays["leaf_values"] = np.concatenate(self.leaf_values)
        arrays["features"] = np.array(self.trees[0].n_features, np.int64)
        arrays["event"] = np.array(event)
        with whole(path) as partial, partial.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)


def load(path: Path, features: int) -> tuple[Forest, bool]:
    """Read a forest, and whether its leaves are shares of events.

    Its arrays are checked to describe trees over the given features first.

    Raises
    ------
    BadInput
        When the file is unreadable or not a well-formed forest.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return _rebuild(arrays, features), bool(arrays["event"])
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError) as error:
        raise BadInput(f"is no well-formed forest: {error}", source=str(path)) from error


def _rebuild(arrays: dict[str, Any], features: int) -> Forest:
    counts, values = arrays["node_counts"], arrays["leaf_values"]
    total = int(counts.sum())
    _require(counts.ndim == 1 and len(counts) > 0 and (counts > 0).all(), "node counts")
    _require(values.shape == (total,) and values.dtype == np.float64, "leaf values")
    _require(bool(np.isfinite(values).all()), "leaf values are not finite")
    _require(int(arrays["features"]) == features, f"it does not have {features} features")
    _require(arrays["max_depths"].shape == counts.shape, "depths")
    nodes = np.zeros(total, NODE_DTYPE)
    for name in FIELDS:
        column = arrays[f"node_{name}"]
        _require(column.shape == (total,) and column.dtype == NODE_DTYPE[name], name)
        nodes[name] = column
    edges = np.cumsum(counts)[:-1]
    trees = [
        _tree(part, int(depth), features)
        for part, depth in zip(np.split(nodes, edges), arrays["max_depths"], strict=True)
    ]
    return Forest(tuple(trees), tuple(np.split(values, edges)))


def _tree(nodes: NDArray[Any], depth: int, features: int) -> Any:
    """Return scikit-learn's tree after checking that every walk ends in a leaf."""
    count = len(nodes)
    place = np.arange(count)
    inner = nodes["left_child"] != LEAF
    for side in ("left_child", "right_child"):
        child = nodes[side]
        _require(bool((child[~inner] == LEAF).all()), "a leaf has a child")
        _require(bool(((child > place) & (child < count))[inner].all()), "a child is out of order")
    _require(
        bool(((nodes["feature"] >= 0) & (nodes["feature"] < features))[inner].all()), "feature"
    )
    _require(bool(np.isfinite(nodes["threshold"]).all()), "a threshold is not finite")
    tree = Tree(features, np.array([1], dtype=np.intp), 1)
    tree.__setstate__(
        {"max_depth": depth, "node_count": count, "nodes": nodes, "values": np.zeros((count, 1, 1))}
    )
    return tree


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)


def same_trees(trees: Sequence[Any]) -> tuple[Any, ...]:
    """Return the low-level trees of fitted scikit-learn estimators."""
    return tuple(estimator.tree_ for estimator in trees)
