"""Writes ngspice.json: waveforms and operating points of ngspice at its tightest, against which the native engine is
validated (tests/validation/native.rs).

    cargo build --release && python3 data/reference/ngspice.py target/release/felice

makes all of it (about half an hour, one run at a time) and then writes the file beside this script. Each run is kept under
target/reference/ngspice, by the hash of its netlist, settings and ngspice's version: what was interrupted goes on where it
stopped, and what has not changed is not run again. Names of netlists after the command: only those, and no file is written.

Every netlist runs three times, with at least 50,000, 100,000 and 200,000 steps, reltol 1e-9, vntol 1e-12, gmin 1e-18, abstol
1e-20 and chgtol as the netlist says (the neurons' 1e-22 and 1e-26), both no tighter than rounding allows
(crates/felice-spice/src/ngspice/scales.rs), and the trapezoidal rule; where ngspice cannot meet these with those in SETTINGS.
Kept are 201 equally spaced samples of each node voltage. Where the three runs' differences fall as a power of the step,
1.7 < p < 2.3 or .8 < p < 1.2 (after `uic` ngspice's first step is of first order), the samples are extrapolated to step 0 and
their uncertainty is the difference of the extrapolations from the coarser and the finer pair; else they are the finest
run's, and their uncertainty is its difference from the next. `ngspice` is the error of the run with 100,000 steps against
the samples. rms and largest of each, in V, stand beside the samples.

ngspice interprets EKV transistors as B sources: the EKV neurons take a minute and more for each 100,000 steps.
"""
import csv
import hashlib
import json
import math
import pathlib
import re
import subprocess
import sys
import tempfile

FELICE = str(pathlib.Path(sys.argv[1]).resolve())
ONLY = sys.argv[2:]
ROOT = pathlib.Path(__file__).resolve().parents[2]
KEPT = ROOT / "target/reference/ngspice"
SAMPLES = 201
STEPS = 100_000
NEURONS = ["boomerang/behavioural", "fhnrs/behavioural", "wererabbit/behavioural", "boomerang/ekv", "fhnrs/ekv",
           "fhnrs/follower", "wererabbit/ekv"]
CIRCUITS = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "data/circuits").glob("*.cir"))
FILES = CIRCUITS + [f"netlists/{n}.cir" for n in NEURONS]
# steps: the middle run's, where 100,000 leave ngspice's own error above what is validated. options, flags: where ngspice
# cannot meet the tolerances above, because what it compares with them is rounding.
SETTINGS = {
    "data/circuits/buck.cir": {"steps": 500_000},
    "data/circuits/van_der_pol.cir": {"steps": 1_000_000},
    # At its corners the truncation error asks for millions of steps of interpreted transistors.
    "data/circuits/ekv_ring.cir": {"options": "trtol=1e7"},
    # A node at 0 V behind an inductor: the local truncation error of nothing but rounding. The step is then tmax throughout.
    "data/circuits/rlc_sin.cir": {"options": "trtol=1e7"},
    # The diode's series resistance (10 ohm) turns the rounding of 5 V into 1e-16 A.
    "data/circuits/junction_charge.cir": {"flags": ["--abstol", "1e-15"]},
    "data/circuits/rectifier_bridge.cir": {"flags": ["--abstol", "1e-15"]},
}
# Samples that fall on a jump of a voltage, where left and right are both right: neither compared nor counted.
JUMPS = {"data/circuits/time_switch.cir": [40]}
POINTS = ["netlists/boomerang/ekv.cir", "netlists/fhnrs/ekv.cir", "netlists/wererabbit/ekv.cir"] + [
    f"data/circuits/{n}.cir" for n in ("ekv_mirror", "ota_follower", "sallen_key", "gyrator", "floating_capacitor",
                                       "diode_point", "source_capacitor_loop", "rectifier_bridge", "junction_charge")]


def text_of(path):
    return (ROOT / path).read_text().replace("../lib/", f"{ROOT}/netlists/lib/")


def felice(text, flags):
    """Columns by name of one run of a netlist's text."""
    with tempfile.TemporaryDirectory() as folder:
        deck, out = pathlib.Path(folder, "deck.cir"), pathlib.Path(folder, "out.csv")
        deck.write_text(text)
        subprocess.run([FELICE, "spice", deck, "--no-cache", "--quiet", "--output", out, *flags], check=True)
        rows = list(csv.reader(out.open()))
    return {name: [float(row[i]) for row in rows[1:]] for i, name in enumerate(rows[0])}


def ngspice(text, flags):
    """The same by ngspice, run or remembered; node voltages and time only."""
    flags = ["--engine", "ngspice", "--accuracy", "tight", "--reltol", "1e-9", "--time-limit", "7200", *flags]
    key = hashlib.sha256("\0".join([VERSION, LIBRARY, text.replace(str(ROOT), ""), *flags]).encode()).hexdigest()[:32]
    file = KEPT / f"{key}.json"
    if not file.exists():
        columns = felice(text, flags)
        columns = {name: values for name, values in columns.items() if name == "time" or name.startswith("v(")}
        KEPT.mkdir(parents=True, exist_ok=True)
        file.with_suffix(".partial").write_text(json.dumps(columns))
        file.with_suffix(".partial").rename(file)
    return json.loads(file.read_text())


def size(values, jumps):
    values = [v for k, v in enumerate(values) if k not in jumps]
    return {"rms": float(f"{math.sqrt(sum(v * v for v in values) / len(values)):.2g}"),
            "max": float(f"{max(map(abs, values)):.2g}")}


def minus(a, b):
    return [x - y for x, y in zip(a, b)]


def limit(coarse, middle, fine):
    """What three runs with halved steps come to, its uncertainty, and the order seen."""
    first, second = minus(middle, coarse), minus(fine, middle)
    a, b = (math.sqrt(sum(v * v for v in d)) for d in (first, second))
    order = math.log2(a / b) if a > 0 and b > 0 else None
    power = next((p for p, low, high in ((2, 1.7, 2.3), (1, .8, 1.2)) if order and low < order < high), None)
    if power is None:
        return fine, second, order
    toward = [s / (2**power - 1) for s in second]
    best = [f + t for f, t in zip(fine, toward)]
    return best, [x - m - s / (2**power - 1) for x, m, s in zip(best, middle, first)], order


def waveform(path):
    settings = SETTINGS.get(path, {})
    text = text_of(path)
    if "options" in settings:
        text = re.sub(r"(?im)^\.end\s*$", f".options {settings['options']}\n.end", text)
    stop = felice(text, ["--engine", "native", "--samples", "2"])["time"][-1]
    steps = [settings.get("steps", STEPS) * k // 2 for k in (1, 2, 4)]
    runs = []
    for n in steps:
        print(f"{path}: {n} steps", file=sys.stderr, flush=True)
        flags = ["--samples", str(SAMPLES), "--max-step", repr(stop / n), *settings.get("flags", [])]
        runs.append(ngspice(text, flags))
    jumps = JUMPS.get(path, [])
    result = {"stop": stop, "steps": steps, "voltages": {}, "uncertainty": {}, "ngspice": {}, "order": {}, "jumps": jumps}
    result |= {k: settings[k] for k in ("options", "flags") if k in settings}
    for name in (n for n in runs[0] if n != "time"):
        best, uncertainty, order = limit(*(r[name] for r in runs))
        result["voltages"][name] = [float(f"{v:.11g}") for v in best]
        result["uncertainty"][name] = size(uncertainty, jumps)
        result["ngspice"][name] = size(minus(runs[1][name], best), jumps)
        result["order"][name] = order and round(order, 2)
        print(f"    {name}: order {result['order'][name]}, uncertainty {result['uncertainty'][name]}, "
              f"ngspice {result['ngspice'][name]}", file=sys.stderr)
    return result


def operating_point(path):
    """The same netlist with `.op` for its transient, without what it says of the start."""
    text = re.sub(r"(?im)^\.(tran|save|print|ic)\b.*\n", "", text_of(path))
    columns = ngspice(re.sub(r"(?im)^\.end\s*$", ".op\n.end", text), SETTINGS.get(path, {}).get("flags", []))
    return {name: values[0] for name, values in columns.items()}


said = subprocess.run(["ngspice", "--version"], capture_output=True, text=True, check=True).stdout
VERSION = re.search(r"ngspice-(\S+)", said)[1]
LIBRARY = (ROOT / "netlists/lib/ekv.lib").read_text()
result = {"made_by": f"ngspice {VERSION}; see ngspice.py", "waveforms": {}, "operating_points": {}}
failed = []
for kind, paths, make in (("operating_points", POINTS, operating_point), ("waveforms", FILES, waveform)):
    for path in paths:
        if not ONLY or path in ONLY:
            try:
                result[kind][path] = make(path)
            except subprocess.CalledProcessError:
                failed.append(path)
if failed:
    sys.exit(f"no file written: ngspice failed on {', '.join(failed)}; what has run is kept under {KEPT}")
if not ONLY:
    target = pathlib.Path(__file__).with_name("ngspice.json")
    target.with_suffix(".partial").write_text(json.dumps(result, separators=(",", ":")) + "\n")
    target.with_suffix(".partial").rename(target)
