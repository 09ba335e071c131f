"""Relations: their digest, and whether an assignment satisfies them (docs/protocol.md, section 4)."""

import functools
import hashlib

import circuits
from algebra import BN254, GRUMPKIN
from rows import TEMPLATES


def le64(number):
    return (number % (1 << 64)).to_bytes(8, "little")


class Relation:
    def __init__(self, p, quotas, own):
        self.p, self.quotas, self.own = p, quotas, own
        self.blocks = list(zip(TEMPLATES, quotas))
        self.stage1 = sum(q * t.n1 for t, q in self.blocks)
        self.stage2 = sum(q * t.n2 for t, q in self.blocks) + own.variables
        self.constraints = sum(q * len(t.constraints) for t, q in self.blocks) + len(own.constraints)

    def encode(self):
        out = [le64(len(self.blocks))]
        for template, quota in self.blocks:
            out += [le64(n) for n in (quota, template.n1, template.n2, len(template.constraints))]
            for constraint in template.constraints:
                for side in constraint:
                    out.append(le64(len(side)))
                    for variable, terms in side:
                        out += [le64(variable), le64(len(terms))]
                        out += [le64(n) for term in terms for n in term]
        own = self.own
        out += [le64(n) for n in (own.publics, 0, own.variables, len(own.constraints))]
        for constraint in own.constraints:
            for side in constraint:
                out.append(le64(len(side)))
                for variable, c in sorted(side.items()):
                    part, index = divmod(variable, 1 << 32)
                    out += [le64(part), le64(index), bytes(8), c.to_bytes(32, "little")]
        return b"".join(out)

    def residuals(self, u, x, w1, w2, gamma=0, beta=0):
        """A·z ∘ B·z - u·C·z, one constraint after the other."""
        p = self.p
        symbols = [pow(beta, i, p) for i in range(16)] + [gamma]
        at1 = at2 = 0
        for template, quota in self.blocks:
            fill = lambda side: [(variable, sum(symbols[code] * n for code, n in terms)) for variable, terms in side]
            filled = [tuple(fill(side) for side in constraint) for constraint in template.constraints]
            columns = [w1[at1 + v * quota : at1 + (v + 1) * quota] for v in range(template.n1)]
            for row in range(quota):
                values = [u] + [column[row] for column in columns]
                values += w2[at2 + row * template.n2 : at2 + (row + 1) * template.n2]
                for sides in filled:
                    left, right, out = (sum([c * values[v] for v, c in side]) for side in sides)
                    yield (left * right - u * out) % p
            at1 += quota * template.n1
            at2 += quota * template.n2
        parts = [[u], x, w1, w2]
        known = {}  # combinations occur several times

        def value(side):
            result = known.get(id(side))
            if result is None:
                result = sum([c * parts[v >> 32][v & 0xFFFFFFFF] for v, c in side.items()]) % p
                known[id(side)] = result
            return result

        for constraint in self.own.constraints:
            left, right, out = map(value, constraint)
            yield (left * right - u * out) % p


@functools.lru_cache(maxsize=4)
def relations(quotas):
    """The primary and secondary relation for a tuple of quotas, and their digest."""
    block_stage2 = sum(q * t.n2 for t, q in zip(TEMPLATES, quotas))
    one = Relation(GRUMPKIN.p, quotas, circuits.primary(block_stage2))
    two = secondary_relation()
    digest = hashlib.sha256(b"magnetar-v1 ivc circuits" + BN254.tag + GRUMPKIN.tag)
    digest.update(one.encode())
    digest.update(two.encode())
    return one, two, digest.digest()


@functools.lru_cache(maxsize=None)
def secondary_relation():
    return Relation(BN254.p, (), circuits.secondary())
