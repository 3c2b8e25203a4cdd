"""exp and tanh to 40 digits: writes exp_tanh.bin, which tests/validation/kernels.rs holds felice's kernels to.

Little-endian f64, four at a time: x, then the function's value as a sum of two numbers (the nearest f64 and the rest), then
0 for exp and 1 for tanh. Arguments: random over the whole range, spread over every binade, at both sides of every change of
the argument reduction (k + 1/2) ln 2, where results become subnormal, and at the ends. Needs mpmath (1.4.1 was used)."""
import math
import random
import struct
from pathlib import Path

import mpmath as mp

mp.mp.prec = 400
random.seed(20261124)
LN2 = float(mp.log(2))


def near(x):
    """x and a number a few steps away from it."""
    steps = random.randint(1, 40)
    up = x
    for _ in range(steps):
        up = math.nextafter(up, math.inf if random.random() < 0.5 else -math.inf)
    return [x, up]


def parts(y):
    high = float(y)
    return high, float(y - mp.mpf(high))


exp = [random.uniform(-745.2, 709.78) for _ in range(1800)] + [random.uniform(-40, 40) for _ in range(1800)]
exp += [s * math.ldexp(random.uniform(0.5, 1), k) for k in range(-60, 10) for s in (1, -1) for _ in range(8)]
exp += [x for k in range(-1075, 1024, 3) for x in near((k + 0.5) * LN2)]
exp += [random.uniform(-745.13, -708.3) for _ in range(400)] + [0.0, 5e-324, -5e-324, 709.78, -745.13, -708.3964, -708.3965]
exp = [x for x in exp if -745.13 <= x <= 709.78]

tanh = [s * random.uniform(0, 22) for s in (1, -1) for _ in range(1500)]
tanh += [s * math.ldexp(random.uniform(0.5, 1), k) for k in range(-1000, 6, 12) for s in (1, -1) for _ in range(3)]
tanh += [s * math.ldexp(random.uniform(0.5, 1), k) for k in range(-40, 6) for s in (1, -1) for _ in range(40)]
tanh += [x for k in range(0, 56) for s in (1, -1) for _ in range(12) for x in near(s * (k + 0.5) * LN2 / 2)]
tanh += [0.0, 5e-324, 1e308, -1e308, 19.06, 18.99]

with open(Path(__file__).with_name("exp_tanh.bin"), "wb") as file:
    for kind, xs, function in ((0, exp, mp.exp), (1, tanh, mp.tanh)):
        for x in xs:
            file.write(struct.pack("<4d", x, *parts(function(mp.mpf(x))), kind))
    print(len(exp), "exp,", len(tanh), "tanh")
