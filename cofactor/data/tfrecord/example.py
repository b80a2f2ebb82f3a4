"""tf.train.Example, TensorFlow's record of named lists, in the wire format of Protocol Buffers.

    Example   { Features features = 1; }
    Features  { map<string, Feature> feature = 1; }              an entry: string key = 1, Feature value = 2
    Feature   { oneof: BytesList = 1, FloatList = 2, Int64List = 3; }
    BytesList { repeated bytes value = 1; }    FloatList, Int64List { repeated value = 1, packed or not; }

A field is a tag, number << 3 | wire type, and what it holds: a varint (0), 8 bytes (1), a length and so many bytes (2)
or 4 bytes (5). As the format asks, unknown fields are passed over, the last of a repeated entry or kind of list counts,
and lists of one kind in several pieces are one list.
Source: protobuf.dev, "Encoding"; TensorFlow's example.proto and feature.proto.
"""

from cofactor.data.tfrecord.varints import MORE, count_varints, varint
from cofactor.errors import BadData

BYTES, FLOATS, INTEGERS = 1, 2, 3  # kinds of list, by their field of Feature
NOTHING = 0  # a Feature without a list
VARINT, EIGHT, SIZED, FOUR = 0, 1, 2, 5
FIRST, SECOND = 1 << 3 | SIZED, 2 << 3 | SIZED  # tags of fields 1 and 2 that hold bytes
LISTS = {kind << 3 | SIZED: kind for kind in (BYTES, FLOATS, INTEGERS)}
CUT = "a field in it is cut short"

Span = tuple[int, int]  # from and to which byte


def encode_value(data: bytes) -> bytes:
    """The field 1 with bytes: a value of a BytesList, or the packed values of another list."""
    return b"\n" + varint(len(data)) + data


def encode_feature(name: str, kind: int, values: bytes) -> bytes:
    """An entry of Features: a list, given as its fields, under a name."""
    holder = bytes((kind << 3 | SIZED,)) + varint(len(values)) + values
    return encode_value(encode_value(name.encode()) + bytes((SECOND,)) + varint(len(holder)) + holder)


def encode_example(features: bytes) -> bytes:
    """An Example of entries, one after the other."""
    return encode_value(features)


def find_features(data: bytes) -> dict[str, Span]:
    """The span of each feature of an Example, by name. Raises BadData where the bytes are no Example."""
    found: dict[str, Span] = {}
    for tag, start, stop in _fields(data, 0, len(data)):
        if tag != FIRST:
            continue
        for entry, begins, ends in _fields(data, start, stop):
            if entry == FIRST:
                name, span = _entry(data, begins, ends)
                found[name] = span
    return found


def read_values(data: bytes, span: Span) -> tuple[int, list[bytes] | bytes]:
    """The kind of a feature's list, and its values or the packed bytes of its numbers."""
    kind, pieces = NOTHING, list[Span]()
    at, end = span
    if at < end and data[at] in LISTS and (start := _whole(data, at, end, data[at])):  # as it is nearly always
        kind, pieces = LISTS[data[at]], [(start, end)]
        span = end, end
    for tag, start, stop in _fields(data, *span):
        if tag in LISTS:
            if LISTS[tag] != kind:
                kind, pieces = LISTS[tag], []
            pieces.append((start, stop))
    if kind == BYTES:
        return kind, [one for piece in pieces for one in _texts(data, *piece)]
    numbers = [_packed(data, *piece, FOUR if kind == FLOATS else VARINT) for piece in pieces]
    return kind, b"".join(numbers)


def count_values(kind: int, values: list[bytes] | bytes) -> int:
    """The number of values in a list. Raises BadData where its last number is cut short."""
    if isinstance(values, list):
        return len(values)
    if kind == INTEGERS:
        return count_varints(values)
    if len(values) % 4:
        raise BadData(CUT)
    return len(values) // 4


def _entry(data: bytes, start: int, stop: int) -> tuple[str, Span]:
    name, span = b"", (start, start)
    size, at = _varint(data, start + 1, stop) if start < stop and data[start] == FIRST else (0, stop)
    if begins := _whole(data, at + size, stop, SECOND):  # a name and a Feature, as it is nearly always
        name, span = data[at : at + size], (begins, stop)
        start = stop
    for tag, begins, ends in _fields(data, start, stop):
        if tag == FIRST:
            name = data[begins:ends]
        elif tag == SECOND:
            span = begins, ends
    try:
        return name.decode(), span
    except UnicodeDecodeError:
        raise BadData("the name of a feature is not UTF-8") from None


def _texts(data: bytes, at: int, end: int) -> list[bytes]:
    """The values of a BytesList; nearly all are short, with a tag and a length of one byte each."""
    found = []
    while at < end - 1:
        size = data[at + 1]
        if data[at] != FIRST or size >= MORE:
            break
        at += 2 + size
        found.append(data[at - size : at])
    if at > end:
        raise BadData(CUT)
    if at < end:
        found += [data[start:stop] for tag, start, stop in _fields(data, at, end) if tag == FIRST]
    return found


def _packed(data: bytes, at: int, end: int, wire: int) -> bytes:
    """The bytes of the numbers of a FloatList or an Int64List, packed or each with a tag."""
    if start := _whole(data, at, end, FIRST):
        return data[start:end]
    single = 1 << 3 | wire
    pieces = [data[start:stop] for tag, start, stop in _fields(data, at, end) if tag in (FIRST, single)]
    return b"".join(pieces)


def _whole(data: bytes, at: int, end: int, tag: int) -> int:
    """The start of a field's content, where the field has this tag and ends with the message; 0 otherwise."""
    if at < end and data[at] == tag:
        size, start = _varint(data, at + 1, end)
        if start + size == end:
            return start
    return 0


def _fields(data: bytes, at: int, end: int) -> list[tuple[int, int, int]]:
    """The tag, start and end of each field of a message. Nearly all tags have one byte."""
    found = []
    while at < end:
        tag = data[at]
        at += 1
        if tag >= MORE:
            tag, at = _varint(data, at - 1, end)
        wire = tag & 7
        if wire == SIZED:
            size, stop = _varint(data, at, end)
            at, stop = stop, stop + size
        elif wire == VARINT:
            stop = _varint(data, at, end)[1]
        elif wire in (EIGHT, FOUR):
            stop = at + (8 if wire == EIGHT else 4)
        else:
            raise BadData(f"a field of wire type {wire}")
        if stop > end:
            raise BadData(CUT)
        if tag < MORE >> 4:
            raise BadData("a field of number 0")
        found.append((tag, at, stop))
        at = stop
    return found


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """A number and its end."""
    if at < end and (first := data[at]) < MORE:
        return first, at + 1
    if at + 1 < end and (second := data[at + 1]) < MORE:
        return first & (MORE - 1) | second << 7, at + 2
    number, shift = 0, 0
    for place in range(at, min(end, at + 10)):
        number |= (data[place] & (MORE - 1)) << shift
        if data[place] < MORE:
            return number, place + 1
        shift += 7
    raise BadData("a number in it is cut short or too long")
