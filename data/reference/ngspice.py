"""Writes ngspice.json: waveforms and operating points of ngspice at its tightest, against which the native engine is
validated (tests/validation/native.rs).

    cargo build --release && python3 data/reference/ngspice.py target/release/felice > data/reference/ngspice.json

Every netlist runs with reltol 1e-9, vntol 1e-12, abstol 1e-20, chgtol 1e-26, gmin 1e-18, the trapezoidal rule and at least
100,000 steps (`--accuracy reference`); kept are 201 equally spaced samples of each node voltage. ngspice interprets EKV
transistors as B sources: the EKV neurons take minutes each. Made with ngspice 39, 2026-11-24. Left out, and named on stderr:
what ngspice does not end within the time limit (at these tolerances it takes ever smaller steps in junction_charge,
rectifier_bridge, ekv_ring and rlc_sin).
"""
import csv
import json
import pathlib
import re
import subprocess
import sys
import tempfile

FELICE = sys.argv[1]
ONLY = sys.argv[2:]
# Where 100,000 steps leave ngspice's own error above what is validated: the largest step, s.
SHORTER = {"data/circuits/buck.cir": 4e-11}
ROOT = pathlib.Path(__file__).resolve().parents[2]
NEURONS = ["boomerang/behavioural", "fhnrs/behavioural", "wererabbit/behavioural", "boomerang/ekv", "fhnrs/ekv",
           "fhnrs/follower", "wererabbit/ekv"]
FILES = [f"netlists/{n}.cir" for n in NEURONS] + sorted(
    str(p.relative_to(ROOT)) for p in (ROOT / "data/circuits").glob("*.cir"))


def run(path, samples, max_step=None):
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/out.csv"
        command = [FELICE, "spice", str(path), "--engine", "ngspice", "--accuracy", "reference", "--no-cache",
                   "--time-limit", "1500", "--output", out]
        command += ["--max-step", str(max_step)] if max_step else []
        subprocess.run(command + (["--samples", str(samples)] if samples else []), check=True, cwd=ROOT)
        rows = list(csv.reader(open(out)))
    columns = {name: [float(row[i]) for row in rows[1:]] for i, name in enumerate(rows[0])}
    return {name: values for name, values in columns.items() if name == "time" or name.startswith("v(")}


def digits(values, n):
    return [float(f"{v:.{n}g}") for v in values]


def waveform(path):
    columns = run(ROOT / path, 201, SHORTER.get(path))
    time = columns.pop("time")
    return {"stop": time[-1], "voltages": {name: digits(v, 11) for name, v in columns.items()}}


def operating_point(path):
    """The same netlist with `.op` for its transient, without what it says of the start."""
    text = (ROOT / path).read_text()
    text = re.sub(r"(?im)^\.(tran|save|print|ic)\b.*\n", "", text).replace("../lib/", f"{ROOT}/netlists/lib/")
    with tempfile.NamedTemporaryFile("w", suffix=".cir") as file:
        file.write(re.sub(r"(?im)^\.end\s*$", ".op\n.end", text))
        file.flush()
        return {name: v[0] for name, v in run(file.name, None).items()}


POINTS = ["netlists/boomerang/ekv.cir", "netlists/fhnrs/ekv.cir"] + [f"data/circuits/{n}.cir" for n in (
    "ekv_mirror", "ota_follower", "sallen_key", "gyrator", "floating_capacitor", "diode_point", "source_capacitor_loop")]
result = {"waveforms": {}, "operating_points": {}}
for path in FILES:
    if not ONLY or path in ONLY:
        print(path, file=sys.stderr, flush=True)
        try:
            result["waveforms"][path] = waveform(path)
        except subprocess.CalledProcessError:
            print(f"{path}: left out", file=sys.stderr, flush=True)
for path in POINTS:
    if not ONLY or path in ONLY:
        result["operating_points"][path] = operating_point(path)
json.dump(result, sys.stdout, separators=(",", ":"))
