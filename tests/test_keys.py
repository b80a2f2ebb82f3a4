"""Keys: read from a file that nobody else may read, found whatever they are sent as, and never said."""

import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from cofactor.errors import CofactorError
from cofactor.serving.api.api_keys import digest, find_name, read_from, read_keys

ALICE, BOB = "alice-key-0123456789", "bobs-key-0123456789"


@pytest.fixture
def file(tmp_path):
    def write(text: str, mode: int = 0o600):
        path = tmp_path / "keys"
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path

    return write


def test_a_file_of_keys_is_read_by_names(file):
    text = f"# of the shop\n\nalice: {ALICE}\n  {BOB}  # without a name\n"
    keys = read_keys(file(text))
    assert keys == (("alice", digest(ALICE.encode())), ("key-4", digest(BOB.encode())))
    assert read_keys(text) == keys


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("alice: tooshort", "at least 16"),
        (f"alice: {ALICE}\nbob: {ALICE}", "line 2"),
        (f"alice: {ALICE}\nalice: {BOB}", "line 2"),
        (f"alice: {ALICE} {BOB}", "not a key"),
        (f"alice: {ALICE}:colon", "not a key"),
        ("alice: schlüssel-0123456789", "not a key"),
        ("# nothing\n", "no key"),
        ("", "no key"),
    ],
)
def test_what_is_no_key_is_refused_by_its_line_without_saying_it(text, words):
    with pytest.raises(CofactorError, match=words) as refused:
        read_keys(text)
    assert refused.value.hint
    assert ALICE not in refused.value.message + refused.value.hint
    assert "tooshort" not in refused.value.message + refused.value.hint


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
@pytest.mark.parametrize("mode", [0o604, 0o602, 0o601, 0o644])
def test_a_file_that_others_may_read_is_refused(file, mode):
    with pytest.raises(CofactorError, match="others") as refused:
        read_keys(file(f"alice: {ALICE}", mode))
    assert "chmod 600" in refused.value.hint


def test_a_file_that_is_not_there_or_not_text_is_refused(file, tmp_path):
    with pytest.raises(CofactorError, match="cannot read"):
        read_keys(tmp_path / "none")
    with pytest.raises(CofactorError, match="cannot read"):
        read_keys(tmp_path)
    with pytest.raises(CofactorError, match="ASCII"):
        read_keys(file("alice: schlüssel-0123456789"))


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({}, None),
        ({"authorization": "Bearer abc"}, b"abc"),
        ({"authorization": "bearer  abc "}, b"abc"),
        ({"x-api-key": "abc"}, b"abc"),
        ({"x-api-key": "abc", "authorization": basic("proxy:own")}, b"abc"),
        ({"authorization": basic("anybody:abc")}, b"abc"),
        ({"authorization": basic(":a:b")}, b"a:b"),
        ({"authorization": "Basic !!!"}, b""),
        ({"authorization": "Basic"}, b""),
        ({"authorization": "Digest abc"}, b""),
        ({"authorization": "abc"}, b""),
    ],
)
def test_a_key_is_found_whatever_it_is_sent_as(headers, key):
    assert read_from(Headers(headers)) == key


@given(st.binary(max_size=40))
def test_any_header_is_read_without_a_fault(value):
    for sent in (value, b"Basic " + value):
        assert isinstance(read_from(Headers(raw=[(b"authorization", sent)])), bytes | None)


@given(st.binary(max_size=40))
def test_only_a_key_has_a_name(key):
    keys = read_keys(f"alice: {ALICE}\nbob: {BOB}")
    expected = {ALICE.encode(): "alice", BOB.encode(): "bob"}.get(key, "")
    assert find_name(key, keys) == expected
    assert [find_name(one.encode(), keys) for one in (ALICE, BOB, ALICE[:-1], "")] == ["alice", "bob", "", ""]
