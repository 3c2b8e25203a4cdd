"""Writes ekv.json: drain currents and conductances that ngspice gives for the transistors of netlists/lib/ekv.lib,
against which the EKV formulas of felice-subthreshold are validated.

    python3 ekv.py > ekv.json        # ngspice 39, 2026-11-24

Every bias point is a circuit of its own (four sources, one transistor), so that one operating point and three AC
analyses give everything: ngspice differentiates the library's expressions by itself.
"""
import json, random, re, subprocess, tempfile
from pathlib import Path

LIB = Path(__file__).resolve().parents[2] / "netlists/lib/ekv.lib"
VDD = 1.8
random.seed(20261124)


def device(channel):
    kappa, ut = random.uniform(0.3, 0.95), random.uniform(0.020, 0.0345)
    return dict(channel=channel, kappa=kappa, ut=ut, vt0=random.uniform(0.15, 0.9), spec=10 ** random.uniform(-7.5, -5),
                w=random.uniform(0.2e-6, 20e-6), l=random.uniform(0.1e-6, 10e-6), ve=random.uniform(3e6, 30e6),
                dvt=random.uniform(-0.02, 0.02))


def bias():
    # Weak to strong inversion, forward and reverse; away from vd = vs, where |Vds| has no slope.
    while True:
        g, s, d = (random.uniform(0, 1.6) for _ in range(3))
        if random.random() < 0.5:
            s = random.uniform(0, 0.1)
        if abs(d - s) > 1e-3:
            return g, s, d


devices = [device(c) for c in "nnnnnnpppppp"]
points = [[bias() for _ in range(12)] for _ in devices]
lines = ["ekv.lib at many bias points", f'.include "{LIB}"']
for i, (p, all) in enumerate(zip(devices, points)):
    for j, (g, s, d) in enumerate(all):
        for k, ac in enumerate("gsd"):
            n = f"{i}_{j}_{k}"
            # Voltages count from the bulk, in the direction of conduction.
            b, sign = (0, 1) if p["channel"] == "n" else (VDD, -1)
            for node, v in (("g", g), ("s", s), ("d", d), ("b", 0)):
                lines.append(f"V{node}{n} {node}{n} 0 dc {b + sign * v!r} ac {sign if node == ac else 0}")
            lines.append(f"X{n} d{n} g{n} s{n} b{n} {p['channel']}ekv w={p['w']!r} l={p['l']!r} is={p['spec']!r} "
                         f"kappa={p['kappa']!r} vt0={p['vt0']!r} ve={p['ve']!r} ut={p['ut']!r} dvt={p['dvt']!r}")
names = [f"i(vd{i}_{j}_{k})" for i in range(len(devices)) for j in range(12) for k in range(3)]
lines += [".options abstol=1e-24 vntol=1e-15 reltol=1e-12 gmin=1e-30", ".control", "set num_threads=1",
          "set numdgt=16", "op", *(f"print {n}" for n in names), "ac lin 1 1 1", *(f"print {n}" for n in names), ".endc", ".end"]
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "ekv.cir"
    file.write_text("\n".join(lines) + "\n")
    run = subprocess.run(["ngspice", "-b", str(file)], capture_output=True, text=True, cwd=folder)
found = re.findall(r"^i\((vd\d+_\d+_\d+)\) = ([-+0-9.e]+)(?:,([-+0-9.e]+))?", run.stdout, re.M)
assert len(found) == 2 * len(names), (len(found), run.stderr[-2000:])
dc, ac = dict((n, float(v)) for n, v, _ in found[: len(names)]), dict((n, float(v)) for n, v, _ in found[len(names):])
for i, p in enumerate(devices):
    sign = 1 if p["channel"] == "n" else -1
    p["points"] = [dict(vg=g, vs=s, vd=d, current=-sign * dc[f"vd{i}_{j}_0"],
                        gm=-sign * ac[f"vd{i}_{j}_0"], gms=sign * ac[f"vd{i}_{j}_1"], gds=-sign * ac[f"vd{i}_{j}_2"])
                   for j, (g, s, d) in enumerate(points[i])]
version = subprocess.run(["ngspice", "--version"], capture_output=True, text=True).stdout
print(json.dumps({"ngspice": re.search(r"ngspice-(\S+)", version).group(1), "devices": devices}, indent=1))
