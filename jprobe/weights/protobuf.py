"""The wire format of protocol buffers: a message is a row of numbered fields.

Source:
    https://protobuf.dev/programming-guides/encoding
"""

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field: an int, or bytes (a string, a message within, packed or fixed-size numbers).

    Raises:
        ValueError: the bytes are no message, or cut short.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == BYTES:
            size, at = _varint(message, at)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise ValueError(f"no field has the wire type {kind}")
        if number == 0 or at + size > len(message):
            raise ValueError("it is cut short, or no protocol buffer")
        yield number, message[at : at + size]
        at += size


def varints(packed: memoryview) -> Iterator[int]:
    """Numbers of a packed field.

    Raises:
        ValueError: cut short.
    """
    at = 0
    while at < len(packed):
        value, at = _varint(packed, at)
        yield value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, lowest first, and where it ends."""
    value = shift = 0
    while shift < 70:
        if at == len(message):
            raise ValueError("it is cut short")
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise ValueError("it is no protocol buffer")
