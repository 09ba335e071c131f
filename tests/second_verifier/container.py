"""The container: messages of proto/proof.proto in their one encoding (docs/protocol.md, section 13)."""

from algebra import BN254, GRUMPKIN, Q, R

VERSION = 1

# Fields by number: name, kind. A kind is u32, u64, bool, bytes, packed, or a message.
STATEMENT = {
    1: ("log_size", "u32"),
    2: ("quotas", "packed"),
    3: ("program_id", "bytes"),
    4: ("input_digest", "bytes"),
    5: ("input_bytes", "u64"),
    6: ("first_step", "u64"),
    7: ("steps", "u64"),
    8: ("cycles", "u64"),
    9: ("start_pc", "u64"),
    10: ("end_pc", "u64"),
    11: ("input_start", "u32"),
    12: ("input_end", "u32"),
    13: ("output_start", "u32"),
    14: ("output_end", "u32"),
    15: ("halted", "bool"),
    16: ("exit_code", "u32"),
    17: ("output", "bytes"),
}
RUNNING = {i + 1: (name, "bytes") for i, name in enumerate("c1 c2 e u x stage1 stage2 error".split())}
FRESH = {1: ("c2", "bytes"), 2: ("x", "bytes"), 3: ("stage2", "bytes")}
IVC = {1: ("chain", "bytes"), 2: ("primary", RUNNING), 3: ("secondary", RUNNING), 4: ("fresh", FRESH)}
SEGMENT = {
    1: ("statement", STATEMENT),
    2: ("lists", "bytes"),
    3: ("fold_steps", "u64"),
    4: ("sum", "bytes"),
    5: ("ivc", IVC),
}
BUNDLE = {1: ("version", "u32"), 2: ("segments", [SEGMENT])}


class Refused(Exception):
    def __init__(self, reason, detail=""):
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class Varints:
    def __init__(self, data):
        self.data, self.at = data, 0

    def next(self):
        """The next varint, shortest and below 2^64, or None."""
        value = shift = 0
        while self.at < len(self.data):
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value if value < 1 << 64 and not (byte == 0 and shift) else None
            shift += 7
            if shift > 63:
                return None
        return None

    def at_end(self):
        return self.at == len(self.data)


def varint(value):
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _default(kind):
    if isinstance(kind, dict):
        return {name: _default(k) for name, k in kind.values()}
    return {"bytes": b"", "packed": []}.get(kind, 0) if isinstance(kind, str) else []


def _decode(data, fields):
    def need(condition):
        if not condition:
            raise Refused("not-a-proof")

    message = _default(fields)
    source, last = Varints(data), 0
    while not source.at_end():
        key = source.next()
        need(key is not None)
        number, wire = key >> 3, key & 7
        need(number in fields)
        name, kind = fields[number]
        need(number > last or number == last and isinstance(kind, list))
        last = number
        value = source.next()
        need(value is not None)
        if kind in ("u32", "u64", "bool"):
            need(wire == 0 and 0 < value < {"u32": 1 << 32, "u64": 1 << 64, "bool": 2}[kind])
            message[name] = value
            continue
        need(wire == 2 and value <= len(data) - source.at)
        content = data[source.at : source.at + value]
        source.at += value
        if isinstance(kind, list):
            message[name].append(_decode(content, kind[0]))
        elif isinstance(kind, dict):
            message[name] = _decode(content, kind)
        elif kind == "bytes":
            need(value > 0)
            message[name] = content
        else:
            need(value > 0)
            numbers = Varints(content)
            while not numbers.at_end():
                n = numbers.next()
                need(n is not None and n < 1 << 32)
                message[name].append(n)
    return message


def encode(message, fields=None):
    """The bytes of a decoded bundle. All messages are present."""
    fields = BUNDLE if fields is None else fields
    out = b""
    for number, (name, kind) in fields.items():
        value = message[name]
        if kind in ("u32", "u64", "bool"):
            out += varint(number << 3) + varint(value) if value else b""
            continue
        if isinstance(kind, list):
            contents = [encode(v, kind[0]) for v in value]
        elif isinstance(kind, dict):
            contents = [encode(value, kind)]
        else:
            content = b"".join(map(varint, value)) if kind == "packed" else value
            contents = [content] if content else []
        for content in contents:
            out += varint(number << 3 | 2) + varint(len(content)) + content
    return out


def decode(data):
    """The bundle as nested dicts, elements and points still bytes."""
    if len(data) > (1 << 31) - 1:
        raise Refused("wrong-length")
    bundle = _decode(data, BUNDLE)
    if bundle["version"] != VERSION:
        raise Refused("unknown-version")
    if not 1 <= len(bundle["segments"]) <= 1024:
        raise Refused("no-segments")
    return bundle


def element(data, p):
    if len(data) != 32:
        raise Refused("wrong-length")
    value = int.from_bytes(data, "little")
    if value >= p:
        raise Refused("not-a-field-element")
    return value


def elements(data, p, most, exactly=None):
    if len(data) % 32 or len(data) > 32 * most or exactly is not None and len(data) != 32 * exactly:
        raise Refused("wrong-length")
    values = [int.from_bytes(data[at : at + 32], "little") for at in range(0, len(data), 32)]
    if any(value >= p for value in values):
        raise Refused("not-a-field-element")
    return values


def point(data, curve):
    if len(data) != 64:
        raise Refused("wrong-length")
    result = tuple(int.from_bytes(half, "little") for half in (data[:32], data[32:]))
    if max(result) >= curve.p or not curve.is_point(result):
        raise Refused("not-a-point")
    return result


def parse_ivc(ivc, log_size):
    """Elements and points of a decoded Ivc."""

    def running(message, curve, most, stage1):
        p = curve.order
        result = {"u": element(message["u"], p), "x": elements(message["x"], p, 2, 2)}
        if stage1:
            result["c1"] = point(message["c1"], curve)
        elif message["c1"]:
            raise Refused("wrong-length")
        result["c2"], result["e"] = point(message["c2"], curve), point(message["e"], curve)
        result["w1"] = elements(message["stage1"], p, most if stage1 else 0)
        result["w2"] = elements(message["stage2"], p, most)
        result["error"] = elements(message["error"], p, most)
        return result

    fresh = ivc["fresh"]
    return {
        "chain": element(ivc["chain"], Q),
        "primary": running(ivc["primary"], BN254, 1 << log_size, True),
        "secondary": running(ivc["secondary"], GRUMPKIN, 1 << 13, False),
        "fresh": {
            "c2": point(fresh["c2"], GRUMPKIN),
            "x": elements(fresh["x"], Q, 2, 2),
            "w2": elements(fresh["stage2"], Q, 1 << 13),
        },
    }


def parse_segment(segment):
    """A decoded Segment with its types' lengths and ranges checked."""
    statement = segment["statement"]
    if not 16 <= statement["log_size"] <= 20:
        raise Refused("out-of-range", "log_size")
    if len(statement["quotas"]) != 21 or len(statement["program_id"]) != 32 or len(statement["input_digest"]) != 32:
        raise Refused("wrong-length", "statement")
    return {
        "statement": statement,
        "lists": segment["lists"],
        "fold_steps": segment["fold_steps"],
        "sum": element(segment["sum"], R),
        "ivc": parse_ivc(segment["ivc"], statement["log_size"]),
    }
