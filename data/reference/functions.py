#!/usr/bin/env python3
"""exp and tanh to 34 digits at 1,200 arguments, each as the nearest f64 and what it lacks: data/reference/functions.csv.

usage: functions.py > functions.csv        (needs mpmath; 1.4.1 was used)
"""
import random

import mpmath as mp

mp.mp.dps = 60


def pair(x):
    """The nearest f64 and the rest (rest below half an ulp)."""
    high = float(x)
    return repr(high), mp.nstr(x - mp.mpf(high), 6)


def arguments():
    rng = random.Random(20260227)
    for _ in range(400):
        yield rng.uniform(-20, 20)
    for _ in range(400):
        yield rng.choice((-1, 1)) * 10 ** rng.uniform(-9, 1)
    for _ in range(200):
        yield rng.uniform(-700, 700)
    for k in range(-100, 100):
        # Beside the middles between two multiples of ln 2, where the reduction changes its k.
        yield float((mp.mpf(k) / 8 + mp.mpf("0.5")) * mp.log(2))


print("x,exp,exp_rest,tanh,tanh_rest")
for x in arguments():
    m = mp.mpf(x)
    print(",".join((repr(x), *pair(mp.exp(m)), *pair(mp.tanh(m)))))
