"""The truth of val_extraction_of_blocks: a five-transistor OTA with its tail and bias diode, each transistor an EKV one
(MODELS in tests/validation/circuits.rs), every node by bisection; then tail, rho and offset of its tanh by least squares.

    python3 data/reference/ota.py      # needs SciPy; prints tail (A), rho (1/V), offset (V)
"""
from math import exp, log1p

import numpy as np
from scipy.optimize import curve_fit

UT, VDD, REFERENCE = 0.02585, 1.8, 0.5


def flow(x):
    return log1p(exp(x)) ** 2


def fet(strength, kappa, vt0, early, gate, drain, source):
    """Current from drain to source, A; voltages from the bulk, V."""
    forward = flow((kappa * (gate - vt0) - source) / (2 * UT))
    reverse = flow((kappa * (gate - vt0) - drain) / (2 * UT))
    return strength * (forward - reverse) * (1 + abs(drain - source) / early)


def nfet(gate, drain, source, w, l):
    return fet(0.5e-6 * w / l, 0.7, 0.5, 8 * l, gate, drain, source)


def pfet(gate, drain, source, w, l):
    return fet(0.3e-6 * w / l, 0.66, 0.45, 6 * l, VDD - gate, VDD - drain, VDD - source)


def root(f, a, b):
    rising = f(b) > 0
    for _ in range(80):
        middle = (a + b) / 2
        a, b = (a, middle) if (f(middle) > 0) == rising else (middle, b)
    return (a + b) / 2


BIAS = root(lambda gate: pfet(gate, gate, VDD, 8, 8) - 100e-12, 0.2, VDD)


def output(plus):
    """Current out of the OTA, whose other input and output stand at REFERENCE."""

    def mirror(tail):
        return root(lambda a: pfet(plus, a, tail, 8, 8) - nfet(a, a, 0, 4, 8), 0, tail)

    def surplus(tail):
        pair = pfet(plus, mirror(tail), tail, 8, 8) + pfet(REFERENCE, REFERENCE, tail, 8.8, 8)
        return pfet(BIAS, tail, VDD, 8, 8) - pair

    tail = root(surplus, REFERENCE + 0.05, VDD - 0.01)
    return pfet(REFERENCE, REFERENCE, tail, 8.8, 8) - nfet(mirror(tail), REFERENCE, 0, 4, 8)


inputs = np.arange(81) * 0.005 + 0.3
currents = np.array([output(v) for v in inputs])
tanh = lambda v, tail, rho, offset: tail * np.tanh(rho * (v - REFERENCE - offset))
(tail, rho, offset), _ = curve_fit(tanh, inputs, currents, p0=[1e-10, 13, 0], xtol=1e-14, ftol=1e-14)
print(f"tail {tail:.9e} A   rho {rho:.9g} /V   offset {offset:.9e} V")
