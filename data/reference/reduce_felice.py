#!/usr/bin/env python3
"""Reduce the reference run of felice (JAX + diffrax) to what the tests need: data/reference/felice.json.

usage: reduce_felice.py FULL.json felice.json [--all]

FULL.json was made by running bics-rug/felice-models@545a4d6e (MIT) with jax 0.10.2, diffrax 0.7.2 and checked by an
independent 80-bit integrator. Kept here: parameters under our names, the field at every state for the defaults and at
every fifth for the other parameter sets, f32 fields, I-V curves, fixed points, and every tenth sample of the
trajectories (all of the valid samples where fewer than 101 are valid). --all keeps everything.
"""
import ctypes
import json
import sys

NAMES = {"C": "c", "gmax_pasive": "g_max", "Erev_pasive": "e_rev", "voff_fast": "v_off_fast",
         "voff_slow": "v_off_slow", "vthr": "v_thr", "tsyn": "tau_syn"}
KEEP = ["name", "y0", "t0", "t1", "n_samples", "valid_n", "well_conditioned", "amplification",
        "spike_condition_up_crossings", "first_spike_condition_up_crossing", "thresholds", "spike_times",
        "last_intervals_v0"]


def ours(params):
    return {NAMES.get(k, k): v for k, v in params.items()}


def single(x):
    """The shortest decimal that reads back to the same float32."""
    if isinstance(x, list):
        return [single(y) for y in x]
    for digits in range(6, 10):
        s = float(f"{x:.{digits}g}")
        if ctypes.c_float(s).value == x:
            return s
    return x


def field(model, everything):
    f = model["vector_field"]
    pick = lambda i, rows: rows if everything or i == 0 else rows[::5]
    return {k: [pick(i, rows) for i, rows in enumerate(f[k])] for k in ("states", "out", "spike_condition")}


def trajectory(t, everything):
    n = t["valid_n"]
    stride = 1 if everything or n < 101 else (t["n_samples"] - 1) // 100
    kept = {k: t[k] for k in KEEP if k in t}
    index = list(range(0, n, stride))
    return {"params": ours(t["params"]), **kept, "index": index, "y": [t["y"][i] for i in index]}


def reduce(model, everything):
    out = {"params": [ours(p) for p in model["params"]], "vector_field": field(model, everything)}
    f32 = model["vector_field_f32"]
    out["vector_field_f32"] = {k: single(f32[k]) for k in ("states", "out", "spike_condition")}
    out["init_state"] = model["init_state"]
    out["trajectories"] = [trajectory(t, everything) for t in model["trajectories"]]
    if "fixed_points_init" in model:
        out["fixed_points_init"] = [{"params": ours(f["params"]), "exact": [f["u0_exact"], f["v0_exact"]],
                                     "eig_re": f["eig_re"], "eig_im": f["eig_im"]} for f in model["fixed_points_init"]]
    for k in ("iv", "mixed_batch"):
        if k in model:
            out[k] = model[k]
    return out


def main():
    full, target, everything = sys.argv[1], sys.argv[2], "--all" in sys.argv
    with open(full) as f:
        d = json.load(f)
    with open(target, "w") as f:
        f.write('{"meta": ' + json.dumps({"reduced_by": "data/reference/reduce_felice.py", **d["meta"]}))
        for m in ("wererabbit", "boomerang", "fhnrs"):
            parts = reduce(d[m], everything)
            f.write(f',\n"{m}": {{' + ",\n".join(f'"{k}": {json.dumps(v, separators=(",", ":"))}'
                                                  for k, v in parts.items()) + "}")
        f.write("}\n")


main()
