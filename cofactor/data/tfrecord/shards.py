"""Recognises TFRecord files, and the shards of one set in a folder."""

import re
from collections.abc import Sequence
from pathlib import Path

from cofactor.data.tfrecord.record_files import HEAD, is_record_head
from cofactor.errors import BadData

SHARD = re.compile(r"(?i)^(?P<stem>.*?)(-(?P<number>\d{5})-of-(?P<of>\d{5}))?\.tfrecords?"
                   r"(-(?P<n>\d{5})-of-(?P<m>\d{5}))?(\.gz)?$")  # fmt: skip  # before the ending, or after it


def shard_name(number: int, of: int, *, gzipped: bool) -> str:
    """The file of a shard, numbered from 0."""
    return f"part-{number:05}-of-{of:05}.tfrecord{'.gz' if gzipped else ''}"


def is_tfrecord(path: Path) -> bool:
    """Whether a file is a TFRecord file, by its name or its first bytes."""
    if SHARD.match(path.name):
        return True
    with path.open("rb") as file:
        return is_record_head(file.read(HEAD.size))


def find_shards(names: Sequence[str]) -> list[str]:
    """The shards of one set among the files directly in a folder, in order.

    Raises BadData where a shard of a numbered set is missing, or there are several sets.
    """
    matches = [match for name in sorted(names) if "/" not in name and name[0] != "." and (match := SHARD.match(name))]
    sets: dict[tuple[str, int], set[int]] = {}
    for match in matches:
        number, of = (int(match[a] or match[b] or default) for a, b, default in (("number", "n", 0), ("of", "m", 0)))
        sets.setdefault((match["stem"] if of else "", of), set()).add(number)
    if len(sets) > 1:
        raise BadData(f"{len(sets)} sets of TFRecord shards in it: {_listed(matches)}", "put each in its own folder")
    for (_, of), present in sets.items():
        missing = sorted(set(range(of)) - present)
        if missing:
            raise BadData(f"shard {missing[0]:05} of {of:05} is missing: {_listed(matches)}", "copy all of them")
        if of and len(matches) > of:
            raise BadData(f"{len(matches)} files for {of} shards: {_listed(matches)}", "keep one of each")
    return [match.string for match in matches]


def _listed(matches: Sequence[re.Match[str]]) -> str:
    return ", ".join(match.string for match in matches[:4]) + (", …" if len(matches) > 4 else "")
