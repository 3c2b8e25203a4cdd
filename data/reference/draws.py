"""Writes draws.json: Sobol' points and normal quantiles of SciPy, against which felice-study is validated.

    python3 draws.py > draws.json        # scipy 1.17.1, 2026-11-23
"""
import json
import scipy.stats as s
from scipy.stats import qmc

sobol = qmc.Sobol(d=21, scramble=False, bits=52)
p = [1e-300, 1e-100, 1e-30, 1e-16, 1e-10, 1e-6, 1e-3, 0.01, 0.05, 0.074, 0.076, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9,
     0.924, 0.926, 0.99, 0.999, 1 - 1e-6, 1 - 1e-10, 1 - 2**-53]
print(json.dumps({"scipy": __import__("scipy").__version__, "sobol": sobol.random(64).tolist(),
                  "p": p, "quantile": s.norm.ppf(p).tolist()}))
