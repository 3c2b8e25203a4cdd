#!/usr/bin/env python3
"""Writes spice21.json: what ngspice makes of the circuits under netlists/spice21, against which spice21 is validated.

    python3 spice21.py > spice21.json        # ngspice 39 (Debian), 2026-11-24; three minutes

Both programs run Berkeley's default BSIM4 card; ngspice's needs rdsw=0 to be spice21's. gmin is 1e-30 S, so that nothing
but the devices conducts. Reduced: 201 equally spaced samples a transient, of 200,000 trapezoidal steps.
"""
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

NETLISTS = pathlib.Path(__file__).resolve().parents[2] / "netlists" / "spice21"
EXACT = "option reltol=1e-9 abstol=1e-24 vntol=1e-13 chgtol=1e-28 gmin=1e-30"
# At a jump ngspice cannot meet the tightest; the 200,000 steps decide.
STEPPED = "option reltol=1e-7 abstol=1e-18 vntol=1e-11 chgtol=1e-22 gmin=1e-30 method=trap"
# Polarity, W and L (um), delvto (V), bulk from source (V)
DEVICES = [("n", 1, 1, 0.35, 0), ("p", 1, 1, -0.35, 0), ("n", 0.7, 1, 0.35, 0.3), ("p", 2, 1, -0.35, 0.3),
           ("n", 5, 0.5, 0.0, 0), ("p", 5, 0.5, 0.0, 0), ("n", 0.5, 2, 0.35, 0), ("p", 0.5, 5, -0.35, 0)]
# Circuit, state nodes, grids (V), length of the transient (s)
CIRCUITS = [("follower", ["in", "v"], [[0.70, 0.90], [0.55, 0.95]], 0.08),
            ("fhnrs", ["v", "w"], [[0.55, 1.05], [0.70, 0.90]], 0.25),
            ("boomerang", ["u", "v"], [[0.32, 0.48], [0.32, 0.48]], 0.1),
            ("wererabbit", ["u", "v"], [[0.38, 0.45], [0.33, 0.42]], 0.3)]
SAMPLES = 201


def ngspice(deck):
    """Runs a deck that writes out.raw; its vectors by name."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "deck.cir").write_text(deck)
        (folder / "default.lib").write_text((NETLISTS / "default.lib").read_text())
        log = subprocess.run(["ngspice", "-b", "deck.cir"], cwd=folder, capture_output=True, text=True)
        try:
            header, body = (folder / "out.raw").read_bytes().split(b"Binary:\n", 1)
        except FileNotFoundError:
            sys.exit(log.stdout + log.stderr)
    lines = header.decode().splitlines()
    names = [l.split()[1] for l in lines[lines.index("Variables:") + 1:]]
    points = int(next(l for l in lines if l.startswith("No. Points")).split(":")[1])
    numbers = struct.unpack(f"<{len(names) * points}d", body)
    return {n: numbers[i::len(names)] for i, n in enumerate(names)}


def control(commands, options=EXACT):
    return f".control\nset num_threads=1\nset filetype=binary\n{options}\n{commands}\nwrite out.raw\nquit\n.endc\n.end\n"


def device(polarity, w, l, delvto, bulk):
    """Drain current over gate and drain voltages, both from the source in the direction of conduction."""
    sign = 1 if polarity == "n" else -1
    area, perimeter = f"{w * 0.5}p", f"{2 * w + 1}u"
    deck = (f"device\n.model m {polarity}mos level=14 rdsw=0\nvg g 0 0\nvd d 0 0\nvb b 0 {-sign * bulk}\n"
            f"m1 d g 0 b m w={w}u l={l}u delvto={delvto} ad={area} as={area} pd={perimeter} ps={perimeter}\n")
    drains = [0.05, 0.3, 1.0, 2.5]
    rows = []
    for drain in drains:
        sweep = f"alter vd = {sign * drain}\nsave i(vd)\ndc vg 0 {sign * 2.5} {sign * 0.05}"
        rows.append([-sign * i for i in ngspice(deck + control(sweep))["i(vd)"]])
    return {"polarity": polarity, "w": w, "l": l, "delvto": delvto, "bulk": bulk,
            "gate": [round(0.05 * i, 10) for i in range(51)], "drain": drains, "current": rows}


def without(name, words):
    lines = (NETLISTS / f"{name}.cir").read_text().splitlines()
    return "\n".join(l for l in lines if not l.lower().startswith(words)) + "\n"


def circuit(name, nodes, grids, stop):
    """Currents that the circuit drives into its clamped state nodes, and its transient."""
    points = [[round(lo + (hi - lo) * i / 8, 10) for i in range(9)] for lo, hi in grids]
    a, b = nodes
    deck = without(name, (".ic", ".tran", ".save", ".end", "vin")) + f"vca {a} 0 0\nvcb {b} 0 0\n"
    (lo_a, hi_a), (lo_b, hi_b) = grids
    sweep = f"save i(vca) i(vcb)\ndc vcb {lo_b} {hi_b} {(hi_b - lo_b) / 8} vca {lo_a} {hi_a} {(hi_a - lo_a) / 8}"
    field = ngspice(deck + control(sweep))
    nodes = ["v"] if name == "follower" else nodes
    step = stop / 200_000
    save = " ".join(f"v({n})" for n in nodes)
    deck = without(name, (".tran", ".save", ".end")) + control(f"save {save}\ntran {stop / 200} {stop} 0 {step}", STEPPED)
    waves = ngspice(deck)
    time = waves["time"]
    assert time[-1] > stop * (1 - 1e-9), (name, time[-1])
    samples = {n: [] for n in nodes}
    i = 0
    for k in range(SAMPLES):
        t = min(stop * k / (SAMPLES - 1), time[-1])
        while time[i + 1] < t:
            i += 1
        part = (t - time[i]) / (time[i + 1] - time[i])
        for n in nodes:
            v = waves[f"v({n})"]
            samples[n].append(v[i] + part * (v[i + 1] - v[i]))
    digits = lambda x: [float(f"{v:.9g}") for v in x]
    return {"name": name, "clamped": [a, b], "points": points, "field": [field["i(vca)"], field["i(vcb)"]],
            "stop": stop, "waves": {n: digits(v) for n, v in samples.items()}}


version = subprocess.run(["ngspice", "--version"], capture_output=True, text=True).stdout.split("ngspice-")[1].split()[0]
print(json.dumps({"ngspice": version, "devices": [device(*d) for d in DEVICES],
                  "circuits": [circuit(*c) for c in CIRCUITS]}))
