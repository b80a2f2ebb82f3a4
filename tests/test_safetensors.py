"""The file of arrays: what others write and read, and what must not be believed."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from safetensors.numpy import load_file, save_file

from cofactor.errors import BadArtifact
from cofactor.saved import safetensors


@st.composite
def some_arrays(draw):
    names = draw(st.lists(st.text(min_size=1, max_size=5), unique=True, max_size=5))
    names = [name for name in names if name != "__metadata__"]
    dtypes, shapes = (
        st.sampled_from(list(safetensors.DTYPES.values())),
        array_shapes(min_dims=0, min_side=0, max_side=5),
    )
    return {n: np.zeros(draw(shapes), draw(dtypes)) + i for i, n in enumerate(names)}


@given(some_arrays())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_round_trips_and_other_readers(tmp_path, arrays):
    arrays = {name: array.astype(array.dtype) for name, array in arrays.items()}
    safetensors.write(tmp_path / "a", arrays)
    for read in (safetensors.read(tmp_path / "a"), load_file(tmp_path / "a")):
        assert read.keys() == arrays.keys()
        for name, array in arrays.items():
            assert (read[name].dtype, read[name].shape) == (array.dtype, array.shape)
            np.testing.assert_array_equal(read[name], array)


def test_what_others_write_is_read(tmp_path):
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([1, 2], dtype=np.int64)}
    save_file(arrays, tmp_path / "a", metadata={"made": "elsewhere"})
    read = safetensors.read(tmp_path / "a")
    assert read.keys() == {"a", "b"}
    np.testing.assert_array_equal(read["a"], arrays["a"])


def test_arrays_in_any_memory_order_are_written_by_rows(tmp_path):
    columns = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    safetensors.write(tmp_path / "a", {"a": columns, "b": columns[:, ::2]})
    np.testing.assert_array_equal(safetensors.read(tmp_path / "a")["a"], columns)
    np.testing.assert_array_equal(safetensors.read(tmp_path / "a")["b"], columns[:, ::2])


def entry(dtype="F32", shape=(2,), start=0, stop=8):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, stop]}


@pytest.mark.parametrize(
    ("header", "culprit"),
    [
        ({"a": entry()} | {"b": entry(start=4, stop=12)}, "overlap before array 'b'"),
        ({"a": entry()} | {"b": entry(start=12, stop=20)}, "gap or an overlap before array 'b'"),
        ({"a": entry(start=8, stop=16)}, "gap or an overlap before array 'a'"),
        ({"a": entry(stop=800, shape=[200])}, "holds 8 bytes of arrays, not the 800"),
        ({}, "holds 8 bytes of arrays, not the 0"),
        ({"a": entry(start=8, stop=0)}, "'a'"),
        ({"a": entry(start=-8, stop=0)}, "'a'"),
        ({"a": entry(shape=[3])}, "8 bytes for shape [3]"),
        ({"a": entry(shape=[-2])}, "'a'"),
        ({"a": entry(shape=[-1, -2])}, "'a'"),
        ({"a": entry(shape=[2.0])}, "'a'"),
        ({"a": entry(shape=[True, 2])}, "'a'"),
        ({"a": entry(shape=[2] + [1] * 40)}, "'a'"),
        ({"a": entry(shape=[1 << 62, 1 << 62])}, "'a'"),
        ({"a": entry(dtype="F16")}, "unknown type F16"),
        ({"a": entry(dtype="object")}, "unknown type object"),
        ({"a": entry(dtype=["F32"])}, "unknown type"),
        ({"a": {"dtype": "F32", "shape": [2]}}, "'a'"),
        ({"a": entry() | {"code": "x"}}, "'a'"),
        ({"a": [1]}, "'a'"),
        ([1, 2], "not an object"),
        ('{"a": 1, "a": 2}', "twice"),
        ("{" * 5000, "cannot be read"),
        ("[" * 200_000, "cannot be read"),
        ("\udcff", "cannot be read"),
    ],
)
def test_headers_that_lie(tmp_path, header, culprit):
    text = (header if isinstance(header, str) else json.dumps(header)).encode(errors="surrogateescape")
    (tmp_path / "a").write_bytes(len(text).to_bytes(8, "little") + text + bytes(8))
    with pytest.raises(BadArtifact) as caught:
        safetensors.read(tmp_path / "a")
    assert culprit in caught.value.message + caught.value.hint
    assert len(caught.value.message) < 300 + len(str(tmp_path))


@pytest.mark.parametrize("data", [b"", b"1234567", b"\xff" * 8, (1 << 40).to_bytes(8, "little") + b"{}", bytes(8)])
def test_files_that_are_none(tmp_path, data):
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(BadArtifact):
        safetensors.read(tmp_path / "a")


def test_a_header_as_large_as_a_disk(tmp_path):
    with (tmp_path / "a").open("wb") as file:
        file.write((1 << 39).to_bytes(8, "little"))
        file.truncate(1 << 40)
    with pytest.raises(BadArtifact) as caught:
        safetensors.read(tmp_path / "a")
    assert caught.value.message == f"{tmp_path / 'a'} claims a header of 549,755,813,888 bytes"
    assert caught.value.hint.startswith("it was truncated")
