"""The published format, byte for byte: checksums, frames, varints, Examples; damage of every kind."""

import gzip
import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cofactor.data.ratings import Ratings
from cofactor.data.tfrecord.example import BYTES, FLOATS, INTEGERS, NOTHING, count_values, find_features, read_values
from cofactor.data.tfrecord.record_files import MAX_RECORD, frame_records, mask_checksum, read_records, record_file
from cofactor.data.tfrecord.user_examples import encode_examples
from cofactor.data.tfrecord.varints import count_varints, pack_varints, unpack_varints, varint
from cofactor.errors import BadData

# User 196 with 3.5 for item 242 at 881250949 and 4 for item é at -1, as TensorFlow 2.21 writes it:
# TFRecordWriter().write(Example.SerializeToString(deterministic=True)).
BY_TENSORFLOW = bytes.fromhex(
    "6600000000000000723b876a"  # 102 bytes, and the checksum of that
    "0a64"  # Example.features
    "0a17 0a086974656d5f696473 120b 0a09 0a03323432 0a02c3a9"  # item_ids, a BytesList: 242, é in UTF-8
    "0a17 0a07726174696e6773 120c 120a 0a08 00006040 00008040"  # ratings, a FloatList, packed
    "0a1c 0a0574696d6573 1213 1a11 0a0f 85a59ba403 ffffffffffffffffff01"  # times, an Int64List, packed
    "0a12 0a07757365725f6964 1207 0a05 0a03313936"  # user_id
    "231ecbf0".replace(" ", "")  # the checksum of the data
)
BY_US = Ratings.of(["196", "196"], ["242", "é"], [3.5, 4.0], [881250949, -1])


def crc32c(data: bytes) -> int:
    """A bit at a time, with Castagnoli's polynomial."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def frame(data: bytes) -> bytes:
    """A record after the published format, with a checksum of our own making."""
    parts = b""
    for piece in (struct.pack("<Q", len(data)), data):
        crc = crc32c(piece)
        rotated = (crc >> 15) | (crc << 17) & 0xFFFFFFFF
        parts += piece + struct.pack("<I", (rotated + 0xA282EAD8) % 2**32)
    return parts


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


# --- the published format


@pytest.mark.parametrize(
    ("data", "checksum"),
    [  # RFC 3720, B.4, and the check value of CRC-32C
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"123456789", 0xE3069283),
    ],
)
def test_the_checksum_is_crc32c_masked(data: bytes, checksum: int) -> None:
    assert crc32c(data) == checksum
    assert frame_records([data])[-4:] == struct.pack("<I", mask_checksum(checksum))
    assert frame_records([data]) == frame(data)


def test_the_mask_of_a_known_checksum() -> None:
    assert mask_checksum(0) == 0xA282EAD8
    assert mask_checksum(0xE3069283) == 0xC78AB0E5  # e3069283 turned right by 15 bits is 2507c60d


def test_a_user_is_written_byte_for_byte_as_tensorflow_does() -> None:
    assert b"".join(frame_records(some) for some in encode_examples(BY_US)) == BY_TENSORFLOW


def test_what_tensorflow_wrote_is_read(tmp_path: Path) -> None:
    (record,) = read_records(written(tmp_path / "a.tfrecord", BY_TENSORFLOW))
    spans = find_features(record.data)
    assert list(spans) == ["item_ids", "ratings", "times", "user_id"]
    assert read_values(record.data, spans["item_ids"]) == (BYTES, [b"242", "é".encode()])
    assert read_values(record.data, spans["ratings"]) == (FLOATS, struct.pack("<2f", 3.5, 4.0))
    kind, packed = read_values(record.data, spans["times"])
    assert kind == INTEGERS
    assert unpack_varints(packed).tolist() == [881250949, -1]


@pytest.mark.parametrize("gzipped", [False, True])
def test_records_come_back_with_their_number_and_place(tmp_path: Path, gzipped: bool) -> None:
    records = [b"", b"abc", bytes(range(256)) * 999]
    for path in (tmp_path / "a", tmp_path / "b"):
        with record_file(path, gzipped=gzipped) as file:
            file.write(frame_records(records))
    assert [tuple(one) for one in read_records(tmp_path / "a")] == [
        (1, 0, records[0]),
        (2, 16, records[1]),
        (3, 35, records[2]),
    ]
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (gzip.decompress((tmp_path / "a").read_bytes()) if gzipped else (tmp_path / "a").read_bytes()) == b"".join(
        map(frame, records)
    )


def test_a_plain_record_whose_length_looks_like_gzip(tmp_path: Path) -> None:
    data = bytes(0x088B1F)  # the file begins 1f 8b 08 00, as a gzip does
    (record,) = read_records(written(tmp_path / "a", frame_records([data])))
    assert record.data == data


# --- varints


@pytest.mark.parametrize(
    ("number", "packed"),
    [(0, "00"), (1, "01"), (127, "7f"), (128, "8001"), (150, "9601"), (300, "ac02"), (2**63 - 1, "ff" * 8 + "7f"),
     (-1, "ff" * 9 + "01"), (-(2**63), "80" * 9 + "01")],
)  # fmt: skip
def test_numbers_as_protobuf_packs_them(number: int, packed: str) -> None:
    assert pack_varints(np.array([number], np.int64))[0].hex() == packed
    assert unpack_varints(bytes.fromhex(packed)).tolist() == [number]
    if number >= 0:
        assert varint(number).hex() == packed


@given(st.lists(st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**31))))
def test_columns_of_numbers_come_back(numbers: list[int]) -> None:
    packed, begins = pack_varints(np.array(numbers, np.int64))
    assert packed == b"".join(varint(number % 2**64) for number in numbers)
    assert count_varints(packed) == len(numbers)
    assert unpack_varints(packed).tolist() == numbers
    assert [unpack_varints(packed[a:b]).tolist() for a, b in pairwise(begins)] == [[number] for number in numbers]


@pytest.mark.parametrize("packed", [b"\x80", b"\x01\xff", b"\xff" * 10 + b"\x01"])
def test_a_number_that_does_not_end(packed: bytes) -> None:
    with pytest.raises(BadData, match="cut short or too long"):
        count_varints(packed)


# --- Examples that others write


def sized(number: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return varint(number << 3 | 2) + varint(len(body)) + body


def entry(name: str, *lists: bytes) -> bytes:
    return sized(1, sized(1, name.encode()), sized(2, *lists))


def listed(data: bytes, name: str) -> tuple[int, list[bytes] | bytes]:
    return read_values(data, find_features(data)[name])


def test_numbers_that_are_not_packed_or_come_in_pieces() -> None:
    single = b"\x0d" + struct.pack("<f", 0.5), b"\x0d" + struct.pack("<f", 4.5)
    piece = sized(1, struct.pack("<2f", 1, 2))
    whole = b"\x08\x96\x01", sized(1, b"\x07\x08"), b"\x08\x09"
    data = sized(1, entry("f", sized(2, *single, piece)), entry("i", sized(3, *whole)), entry("e", sized(2)))
    assert listed(data, "f") == (FLOATS, struct.pack("<4f", 0.5, 4.5, 1, 2))
    assert unpack_varints(listed(data, "i")[1]).tolist() == [150, 7, 8, 9]
    assert listed(data, "e") == (FLOATS, b"")


def test_fields_that_are_not_known_are_passed_over() -> None:
    unknown = b"\x48\x96\x01" + b"\x51" + bytes(8) + b"\x5d" + bytes(4) + sized(12, b"x" * 300)
    values = sized(1, unknown, sized(1, b"a"), unknown, sized(1, b"b" * 200), unknown)
    data = unknown + sized(1, unknown, sized(1, unknown, sized(1, b"n"), unknown, sized(2, unknown, values)), unknown)
    assert listed(data, "n") == (BYTES, [b"a", b"b" * 200])


def test_of_repeated_fields_the_last_counts_and_lists_of_a_kind_are_one() -> None:
    a, b, floats = sized(1, sized(1, b"a")), sized(1, sized(1, b"b")), sized(2, sized(1, bytes(4)))
    assert listed(sized(1, entry("n", a), entry("n", b)), "n") == (BYTES, [b"b"])
    assert listed(sized(1, entry("n", a, b)), "n") == (BYTES, [b"a", b"b"])
    assert listed(sized(1, entry("n", a, floats)), "n") == (FLOATS, bytes(4))
    assert listed(sized(1, entry("n", floats, a)), "n") == (BYTES, [b"a"])
    assert listed(sized(1, entry("n", a)) + sized(1, entry("m", b)), "m") == (BYTES, [b"b"])
    assert listed(sized(1, entry("n")), "n") == (NOTHING, b"")


@pytest.mark.parametrize(
    "data",
    [b"\x0a", b"\x0a\x05ab", b"\x0b", b"\x02\x00", b"\x0a\x02\x0a\x05", b"\xff" * 11, b"\x0a" + b"\xff" * 9 + b"\x01",
     b"\x0d\x00", b"\x09\x00", sized(1, sized(1, sized(1, b"\xff"), sized(2))), b"hello, world"],
)  # fmt: skip
def test_what_is_no_example(data: bytes) -> None:
    with pytest.raises(BadData):
        find_features(data)


@pytest.mark.parametrize(
    "values",
    [sized(1, b"\x0a\x05ab"), sized(1, b"\x0a"), sized(1, sized(1, b"a"), b"\x0a\x7f"), sized(2, b"\x0d\x00"),
     sized(2, sized(1, b"abc")), sized(3, sized(1, b"\x80")), b"\x0a\x05a"],
)  # fmt: skip
def test_a_list_that_is_cut_short(values: bytes) -> None:
    data = sized(1, entry("n", values))
    with pytest.raises(BadData):
        count_values(*listed(data, "n"))


# --- damage

TWO = frame_records([b"first", b"the second"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (TWO[:-1], r"record 2 \(byte 21\): a record of 10 bytes, but the file has 46"),
        (TWO[:25], r"record 2 \(byte 21\): 4 bytes instead of a length"),
        (TWO[:35], r"record 2 \(byte 21\): a record of 10 bytes"),
        (TWO[:21] + b"\x0b" + TWO[22:], r"record 2 \(byte 21\): the checksum of its length"),
        (TWO[:-5] + b"D" + TWO[-4:], r"record 2 \(byte 21\): the checksum of its data"),
        (TWO[:-1] + b"?", r"record 2 \(byte 21\): the checksum of its data"),
        (b"user,item,rating\n1,2,3\n", r"record 1 \(byte 0\): the checksum of its length"),
        (b"short", r"record 1 \(byte 0\): 5 bytes instead"),
        (gzip.compress(TWO, mtime=0)[:-9], r"record \d \(byte \d+\): the gzip is cut short"),
        (
            gzip.compress(TWO, mtime=0)[:-6] + b"?" + gzip.compress(TWO, mtime=0)[-5:],
            r"record 3 \(byte 47\): the gzip is cut short or d",
        ),
        (gzip.compress(TWO[:-1], mtime=0), r"record 2 \(byte 21\): cut short: 13 of 14 bytes"),
        (gzip.compress(b"user,item,rating\n", mtime=0), r"record 1 \(byte 0\): the checksum of its length"),
        (gzip.compress(TWO, mtime=0) + b"more", r"record 3 \(byte 47\): the gzip is cut short or damaged"),
    ],
)
def test_damage_is_named_with_its_record_and_byte(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(BadData, match=said) as error:
        list(read_records(written(tmp_path / "part.tfrecord", content)))
    assert str(tmp_path / "part.tfrecord") in error.value.message
    assert error.value.hint


def huge(length: int) -> bytes:
    head = struct.pack("<Q", length)
    return head + struct.pack("<I", mask_checksum(crc32c(head)))


@pytest.mark.parametrize("length", [2**64 - 1, 2**63, 2**40, MAX_RECORD + 1])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_length_is_checked_before_so_much_is_read(tmp_path: Path, length: int, pack: type) -> None:
    with pytest.raises(BadData, match=f"a record of {length:,} bytes; {MAX_RECORD:,} are allowed"):
        list(read_records(written(tmp_path / "a", pack(huge(length)))))


def test_a_gzip_made_to_fill_the_memory_is_not_followed(tmp_path: Path) -> None:
    path = written(tmp_path / "bomb.tfrecord.gz", gzip.compress(frame(b"")[:0] + frame_records([bytes(30 << 20)])))
    with pytest.raises(BadData, match=r"of a gzip of [\d,]+ bytes at most [\d,]+ are unpacked"):
        list(read_records(path))
