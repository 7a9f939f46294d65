"""Delimited text: bytes -> records, the broken ones apart. A CSV reader alone would hide or pad them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]
Mask = NDArray[np.bool_]
BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
DELIMITERS = (b"\t", b",", b";")
NEWLINE, QUOTE = 10, 34


@dataclass(frozen=True)
class DelimitedRecords:
    """Where each record lies in data, and what is wrong with it.

    starts, ends: (records,) byte offsets; cells: (records,) how many cells it has.
    torn: quotes that do not pair; nul: holds a zero byte; undecodable: is no UTF-8.
    quoted: whether a quote protects what it encloses.
    """

    data: bytes
    delimiter: bytes
    starts: Positions
    ends: Positions
    cells: Positions
    torn: Mask
    nul: Mask
    undecodable: Mask
    quoted: bool

    def text(self, record: int) -> bytes:
        return self.data[self.starts[record] : self.ends[record]]


def plain(data: bytes) -> bytes:
    """The same text in UTF-8 without a byte order mark, its lines ended by a newline alone."""
    for mark, encoding in BOMS:
        if data.startswith(mark):
            data = data[len(mark) :]
            if encoding != "utf-8":
                data = data.decode(encoding, errors="replace").encode()
            break
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data


_LEAST = 2
"""Spaces or bars a line that nothing else cuts, from which on they are delimiters: one bar alone is an id, `A1BG|1`."""
_LONG = 500
"""Bytes a line from which newlines are found one by one, and without quotes delimiters counted line by line."""


def sniff(lines: list[bytes], preferred: bytes) -> bytes:
    """The delimiter of a text: the one that cuts its first lines most evenly; bars where they are preferred, and they or
    spaces where nothing else cuts a line and each line has as many, two at least.

    Example:
        >>> sniff([b"a;b, c", b"1;2"], b",")
        b';'
    """

    def evenness(delimiter: bytes) -> tuple[float, bool, int]:
        counts = [line.count(delimiter) for line in lines]
        if not counts or counts[0] == 0:
            return 0.0, delimiter == preferred, 0
        return sum(c == counts[0] for c in counts) / len(counts), delimiter == preferred, counts[0]

    best = max(dict.fromkeys((*DELIMITERS, preferred)), key=evenness)
    if not evenness(best)[0] and len(lines) > 1:
        for other in (b"|", b" "):  # as databases export tables, as STRING writes its links
            counts = {line.count(other) for line in lines}
            if len(counts) == 1 and min(counts) >= _LEAST:
                return other
    return best


def split(data: bytes, delimiter: bytes) -> DelimitedRecords:
    """Cut a text into records and count the cells of each; blank lines are no records.

    Where every quote of the file pairs, quoted cells may hold delimiters and newlines. Else a record ends with its
    line, so that one stray quote costs one row and not the rest of the file; in tab-separated text, which often
    carries inches and primes, stray quotes are then plain text.
    """
    buffer = np.frombuffer(data, np.uint8)
    breaks, quotes, zeros = (_places(data, buffer, byte) for byte in (NEWLINE, QUOTE, 0))
    if counted := not quotes.size and buffer.size > _LONG * (breaks.size + 1):
        delimiters = np.zeros(0, np.int64)
    else:
        delimiters = _places(data, buffer, delimiter[0])
    paired = not _misplaced(buffer, quotes, np.zeros_like(quotes), delimiter[0]).any() and quotes.size % 2 == 0
    if quotes.size and paired:
        breaks = breaks[np.searchsorted(quotes, breaks) % 2 == 0]
        delimiters = delimiters[np.searchsorted(quotes, delimiters) % 2 == 0]
    starts, ends = np.append(0, breaks + 1), np.append(breaks, buffer.size)
    full = ends > starts
    starts, ends = starts[full], ends[full]
    torn = np.zeros(starts.size, bool)
    quoted = bool(quotes.size) and (paired or delimiter != b"\t")
    if quoted and not paired:
        line = np.searchsorted(starts, quotes, side="right") - 1
        first = np.searchsorted(quotes, starts)
        torn[line[_misplaced(buffer, quotes, first[line], delimiter[0])]] = True
        torn[np.diff(np.append(first, quotes.size)) % 2 == 1] = True
        begin = first[np.searchsorted(starts, delimiters, side="right") - 1]
        delimiters = delimiters[(np.searchsorted(quotes, delimiters) - begin) % 2 == 0]
    if counted:
        each = (data.count(delimiter, *place) for place in zip(starts.tolist(), ends.tolist(), strict=True))
        cells = np.fromiter(each, np.int64, starts.size) + 1
    else:
        cells = np.searchsorted(delimiters, ends) - np.searchsorted(delimiters, starts) + 1
    nul = np.zeros(starts.size, bool)
    nul[np.searchsorted(starts, zeros, side="right") - 1] = True
    return DelimitedRecords(
        data, delimiter, starts, ends, cells, torn, nul, _undecodable(data, buffer, starts, ends), quoted
    )


def _places(data: bytes, buffer: NDArray[np.uint8], byte: int) -> Positions:
    """Where a byte stands. Of a rare one each is found by itself, which spares looking at all bytes in between."""
    wanted = bytes([byte])
    count = data.count(wanted) if wanted in data else 0  # to find none is quicker than to count none
    if count * _LONG > len(data):
        return np.flatnonzero(buffer == byte)
    found, at = np.empty(count, np.int64), -1
    for i in range(count):
        at = found[i] = data.find(wanted, at + 1)
    return found


def _misplaced(buffer: NDArray[np.uint8], quotes: Positions, first: Positions, delimiter: int) -> Mask:
    """Which quotes neither open nor close a cell; first: (quotes,) index of the first quote of the same record."""
    if not quotes.size:
        return np.zeros(0, bool)
    rank = np.arange(quotes.size) - first
    before = np.where(quotes == 0, NEWLINE, buffer[np.maximum(quotes - 1, 0)])
    after = np.where(quotes == buffer.size - 1, NEWLINE, buffer[np.minimum(quotes + 1, buffer.size - 1)])
    opens = np.isin(before, (delimiter, NEWLINE)) | ((before == QUOTE) & (rank > 0))
    closes = np.isin(after, (delimiter, NEWLINE, QUOTE))
    return np.where(rank % 2 == 0, ~opens, ~closes)


def _undecodable(data: bytes, buffer: NDArray[np.uint8], starts: Positions, ends: Positions) -> Mask:
    bad = np.zeros(starts.size, bool)
    if data.isascii():
        return bad
    try:
        data.decode()
    except UnicodeDecodeError:
        suspects = np.unique(np.searchsorted(starts, np.flatnonzero(buffer > 127), side="right") - 1)
        for record in suspects:
            try:
                data[starts[record] : ends[record]].decode()
            except UnicodeDecodeError:
                bad[record] = True
    return bad
