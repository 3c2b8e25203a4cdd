"""felice against diffrax and scipy: the same equations, the same neurons, the same method, in one run, alternating.

Usage: benches/peers/run [--neurons N] [--steps K] [--rounds R] [--model MODEL ..]

The neurons are those of `felice bench`: default parameters and one start a model, each number spread by 5 %. diffrax
integrates the whole batch as one system (felice's own way), in fixed steps or with one step for all; ours gives every
neuron its own. Rates are neuron-steps a second, medians of the rounds. Final states must agree to 1e-9 (f64), 1e-4 (f32).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import scipy.integrate

jax.config.update("jax_enable_x64", True)
STEP = 0.01


def boomerang(t, y, p):
    u, v = y
    z = jnp.tanh(p["rho"] * (v - u))
    du = 1 - p["alpha"] * jnp.exp(p["beta"] * v) * (1 - p["gamma"] * (0.3 - u)) + p["sigma"] * z
    dv = -1 + p["alpha"] * jnp.exp(p["beta"] * u) * (1 + p["gamma"] * (0.3 - v)) + p["sigma"] * z
    return jnp.stack([du, dv])


def wererabbit(t, y, p):
    u, v = y
    z = jnp.tanh(p["rho"] * (u - v))
    du = z * (1 - p["alpha"] * jnp.exp(p["beta"] * v) * (1 + p["gamma"] * (0.5 - u))) - p["sigma"]
    dv = z * (-1 + p["alpha"] * jnp.exp(p["beta"] * u) * (1 + p["gamma"] * (0.5 - v))) - p["sigma"]
    diagonal = jnp.abs(z) <= 1e-8
    return jnp.stack([jnp.where(diagonal, du * jnp.sign(u), du), jnp.where(diagonal, dv * jnp.sign(v), dv)])


def fhnrs(t, y, p):
    v, v_slow, i_app = y
    current = p["g_max"] * (v - p["e_rev"]) + p["a_fast"] * jnp.tanh(v - p["v_off_fast"])
    current = current + p["a_slow"] * jnp.tanh(v_slow - p["v_off_slow"])
    return jnp.stack([(i_app - current) / p["c"], (v - v_slow) / p["tau_slow"], -i_app / p["tau_syn"]])


FIELDS = {"wererabbit": wererabbit, "boomerang": boomerang, "fhnrs": fhnrs}
STARTS = {"wererabbit": [0.3, 0.1], "boomerang": [0.25, 0.3], "fhnrs": [2.0, 0.0, 1.0]}


def spread(x, i, n):
    """The 5 % that `felice bench` spreads its neurons by."""
    k = np.arange(n)
    return x * (1.0 + 0.05 * (((k * 7919 + i * 104729) % 1000) / 1000.0 - 0.5))


class Peer:
    """One model's neurons in diffrax."""

    def __init__(self, felice, model, n):
        table = json.loads(subprocess.run([felice, "models", model, "--json"], check=True, capture_output=True).stdout)
        names = [(p["name"], p["default"]) for p in table["parameters"]]
        self.field = FIELDS[model]
        self.p = {name: spread(value, i, n) for i, (name, value) in enumerate(names)}
        self.y = np.stack([spread(x, i, n) for i, x in enumerate(STARTS[model])])

    def solver(self, dtype, t_end, tolerance=None):
        """A compiled solve: () -> (final states, steps)."""
        p = {k: jnp.asarray(x, dtype) for k, x in self.p.items()}
        y = jnp.asarray(self.y, dtype)
        control = diffrax.ConstantStepSize() if tolerance is None else diffrax.PIDController(tolerance, tolerance)
        # In adaptive mode each chooses its first step itself.
        first = STEP if tolerance is None else None

        @jax.jit
        def solve(y, p):
            s = diffrax.diffeqsolve(
                diffrax.ODETerm(self.field), diffrax.Tsit5(), 0.0, t_end, first, y, p,
                stepsize_controller=control, saveat=diffrax.SaveAt(t1=True), max_steps=None, throw=False,
            )
            return s.ys[0], s.stats["num_accepted_steps"]

        solve(y, p)[0].block_until_ready()

        def run():
            start = time.perf_counter()
            ends, steps = solve(y, p)
            ends.block_until_ready()
            return time.perf_counter() - start, np.asarray(ends).T, int(steps)

        return run


def ours(felice, model, n, steps, precision, mode, *more):
    """`felice bench`: its report and the final states."""
    with tempfile.TemporaryDirectory() as folder:
        states = os.path.join(folder, "states.csv")
        command = [felice, "bench", model, "--neurons", str(n), "--steps", str(steps), "--precision", precision]
        command += ["--mode", mode, "--json", "--states", states, *more]
        out = subprocess.run(command, check=True, capture_output=True).stdout
        return json.loads(out), np.loadtxt(states, delimiter=",", skiprows=1, ndmin=2)


def alternate(rounds, a, b):
    """Rates of both, taken in turn."""
    pairs = [(a(), b()) for _ in range(rounds)]
    return [float(np.median(side)) for side in zip(*pairs)]


def fixed(args, model, precision, n, steps):
    dtype = jnp.float64 if precision == "f64" else jnp.float32
    peer = Peer(args.felice, model, n).solver(dtype, STEP * steps)
    ends = {}

    def theirs():
        seconds, ends["theirs"], taken = peer()
        return n * taken / seconds

    def mine():
        report, ends["ours"] = ours(args.felice, model, n, steps, precision, "fixed")
        return report["neuron_steps_per_second"]

    a, b = alternate(args.rounds, mine, theirs)
    off = float(np.max(np.abs(ends["ours"] - ends["theirs"])))
    return a, b, off


def adaptive(args, model, n, steps):
    """At equal accuracy of the worst neuron: diffrax at 1e-6, ours at the largest tolerance (a sixteenth of a decade) that
    is as good."""
    t_end = STEP * steps
    peer = Peer(args.felice, model, n).solver(jnp.float64, t_end, 1e-6)
    _, truth = ours(args.felice, model, n, steps, "f64", "adaptive", "--tolerance", "1e-12")
    worst = lambda ends: float(np.max(np.abs(ends - truth)))
    aim = worst(peer()[1])

    def good(sixteenths):
        _, ends = ours(args.felice, model, n, steps, "f64", "adaptive", "--tolerance", repr(10.0 ** (-sixteenths / 16)))
        return worst(ends) <= aim

    coarse = next((k for k in range(64, 177, 4) if good(k)), None)
    if coarse is None:
        sys.exit(f"{model}: no tolerance reaches diffrax's {aim:.1e}")
    tolerance = 10.0 ** (-next(k for k in range(coarse - 3, coarse + 1) if k == coarse or good(k)) / 16)

    def mine():
        report, ends = ours(args.felice, model, n, steps, "f64", "adaptive", "--tolerance", repr(tolerance))
        reached.append(worst(ends))
        return n / report["seconds"]

    reached = []
    a, b = alternate(args.rounds, mine, lambda: n / peer()[0])
    return a, b, aim, reached[0], tolerance


def one(args, model, steps):
    """A single neuron: ours, diffrax, scipy."""
    mine, theirs, off = fixed(args, model, "f64", 1, steps)
    peer = Peer(args.felice, model, 1)
    p = {k: float(x[0]) for k, x in peer.p.items()}
    names = {"exp": np.exp, "tanh": np.tanh, "abs": np.abs, "where": np.where, "sign": np.sign, "stack": np.array}
    source = type("numpy_as_jax", (), {k: staticmethod(f) for k, f in names.items()})
    field = type(peer.field)(peer.field.__code__, {**peer.field.__globals__, "jnp": source})
    start = time.perf_counter()
    s = scipy.integrate.solve_ivp(field, (0, STEP * steps), peer.y[:, 0], "RK45", args=(p,), rtol=1e-6, atol=1e-6)
    return mine, theirs, off, (len(s.t) - 1) / (time.perf_counter() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--felice", default=os.environ.get("FELICE", "target/release/felice"))
    parser.add_argument("--neurons", type=int, default=100_000)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", nargs="+", choices=FIELDS, default=list(FIELDS))
    parser.add_argument("--part", nargs="+", choices=["fixed", "adaptive", "one"], default=["fixed", "adaptive", "one"])
    args = parser.parse_args()
    good = True
    if "fixed" in args.part:
        print(f"Tsit5, {args.steps} steps of {STEP}, {args.neurons} neurons, neuron-steps/s")
        print("| model | precision | felice | diffrax | ratio | final states differ by |\n|---|---|---|---|---|---|")
        for model in args.model:
            for precision, limit in [("f64", 1e-9), ("f32", 1e-4)]:
                a, b, off = fixed(args, model, precision, args.neurons, args.steps)
                good &= off <= limit
                print(f"| {model} | {precision} | {a:.2e} | {b:.2e} | {a / b:.1f} | {off:.0e} |", flush=True)
    if "adaptive" in args.part:
        print(f"\nTsit5 adaptive, f64, {args.neurons} neurons x {STEP * args.steps:g} time units, neurons/s at the worst neuron's error")
        print("| model | felice | diffrax | ratio | error (felice, diffrax) | tolerance (felice, diffrax) |\n|---|---|---|---|---|---|")
        for model in args.model:
            a, b, aim, reached, tolerance = adaptive(args, model, args.neurons, args.steps)
            print(f"| {model} | {a:.2e} | {b:.2e} | {a / b:.1f} | {reached:.0e}, {aim:.0e} | {tolerance:.0e}, 1e-6 |", flush=True)
    if "one" in args.part:
        steps = 200 * args.steps
        print(f"\nOne neuron, f64, Tsit5, {steps} steps of {STEP}, steps/s; scipy's solve_ivp (RK45, 1e-6) beside it")
        print("| model | felice | diffrax | ratio | scipy | ratio |\n|---|---|---|---|---|---|")
        for model in args.model:
            a, b, off, c = one(args, model, steps)
            good &= off <= 1e-9
            print(f"| {model} | {a:.2e} | {b:.2e} | {a / b:.1f} | {c:.1e} | {a / c:.0f} |", flush=True)
    if not good:
        sys.exit("final states differ by more than 1e-9 (f64) or 1e-4 (f32): the figures compare nothing")


if __name__ == "__main__":
    main()
