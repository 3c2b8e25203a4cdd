//! Equations of the felice neurons: WereRabbit, Boomerang, FHNRS.
