//! Dense output: the polynomial of a step, from the stages its integrator evaluated.
//!
//! `ode_solvers` evaluates the field in the order of Hairer, Nørsett & Wanner's codes and keeps its own dense output to
//! itself. [`Stages`] remembers the last evaluations; [`Interpolant`] is the published continuous extension on them
//! (Solving Ordinary Differential Equations I, 2nd ed., II.5 and II.6). A test compares it with the library's own.

use super::run::Method;

/// Evaluations of a step of DOP853 with dense output, after the first stage.
const KEPT: usize = 15;

/// The last evaluations of the field: states and derivatives.
pub(crate) struct Stages {
    n: usize,
    next: usize,
    y: Vec<f64>,
    dy: Vec<f64>,
}

impl Stages {
    pub fn new(n: usize) -> Self {
        Stages { n, next: 0, y: vec![0.0; KEPT * n], dy: vec![0.0; KEPT * n] }
    }

    pub fn push(&mut self, y: &[f64], dy: &[f64]) {
        let at = self.next * self.n;
        self.y[at..at + self.n].copy_from_slice(y);
        self.dy[at..at + self.n].copy_from_slice(dy);
        self.next = (self.next + 1) % KEPT;
    }

    /// Offset of the evaluation `back` before the newest (0: the newest).
    fn at(&self, back: usize) -> usize {
        (self.next + 2 * KEPT - 1 - back) % KEPT * self.n
    }

    fn dy(&self, back: usize) -> &[f64] {
        &self.dy[self.at(back)..][..self.n]
    }

    /// State and derivative at the end of the step just accepted.
    pub fn end(&self, method: Method) -> (&[f64], &[f64]) {
        let back = match method {
            Method::Dop853 => 3,
            Method::Dopri5 => 0,
        };
        (&self.y[self.at(back)..][..self.n], self.dy(back))
    }
}

/// The state within one step, as a polynomial of θ = (x − x₀)/h.
#[derive(Clone)]
pub(crate) struct Interpolant {
    n: usize,
    /// Coefficients r₀ … r₇ (Dopri5: r₀ … r₄), n numbers each.
    r: Vec<f64>,
    /// How many.
    order: usize,
}

impl Interpolant {
    pub fn new(n: usize, method: Method) -> Self {
        let order = match method {
            Method::Dop853 => 8,
            Method::Dopri5 => 5,
        };
        Interpolant { n, r: vec![0.0; order * n], order }
    }

    /// The step of length `h` from state `y0` with derivative `k1`, just accepted.
    pub fn fit(&mut self, h: f64, y0: &[f64], k1: &[f64], stages: &Stages, method: Method) {
        let n = self.n;
        let (y1, f1) = stages.end(method);
        for i in 0..n {
            let difference = y1[i] - y0[i];
            let bend = h * k1[i] - difference;
            self.r[i] = y0[i];
            self.r[n + i] = difference;
            self.r[2 * n + i] = bend;
            self.r[3 * n + i] = difference - h * f1[i] - bend;
        }
        let (tables, stages_after_first): (&[[f64; 12]], usize) = match method {
            Method::Dop853 => (&DOP853, 11),
            Method::Dopri5 => (&DOPRI5, 5),
        };
        // The last of them is the newest evaluation.
        let at: [usize; 11] = std::array::from_fn(|j| stages.at((stages_after_first - 1).saturating_sub(j)));
        for (k, d) in tables.iter().enumerate() {
            for i in 0..n {
                let mut sum = d[0] * k1[i];
                for j in 0..stages_after_first {
                    sum += d[j + 1] * stages.dy[at[j] + i];
                }
                self.r[(4 + k) * n + i] = h * sum;
            }
        }
    }

    /// The state at θ into `y`.
    #[inline]
    pub fn at(&self, theta: f64, y: &mut [f64]) {
        let rest = 1.0 - theta;
        for (i, y) in y.iter_mut().enumerate() {
            let mut sum = self.r[(self.order - 1) * self.n + i];
            for k in (0..self.order - 1).rev() {
                sum = self.r[k * self.n + i] + sum * if k % 2 == 0 { theta } else { rest };
            }
            *y = sum;
        }
    }
}

/// d of DOP853's continuous extension: stages 1 and 6 to 16.
#[allow(clippy::excessive_precision)]
const DOP853: [[f64; 12]; 4] = [
    [
        -0.84289382761090128651353491142e1,
        0.56671495351937776962531783590e0,
        -0.30689499459498916912797304727e1,
        0.23846676565120698287728149680e1,
        0.21170345824450282767155149946e1,
        -0.87139158377797299206789907490e0,
        0.22404374302607882758541771650e1,
        0.63157877876946881815570249290e0,
        -0.88990336451333310820698117400e-1,
        0.18148505520854727256656404962e2,
        -0.91946323924783554000451984436e1,
        -0.44360363875948939664310572000e1,
    ],
    [
        0.10427508642579134603413151009e2,
        0.24228349177525818288430175319e3,
        0.16520045171727028198505394887e3,
        -0.37454675472269020279518312152e3,
        -0.22113666853125306036270938578e2,
        0.77334326684722638389603898808e1,
        -0.30674084731089398182061213626e2,
        -0.93321305264302278729567221706e1,
        0.15697238121770843886131091075e2,
        -0.31139403219565177677282850411e2,
        -0.93529243588444783865713862664e1,
        0.35816841486394083752465898540e2,
    ],
    [
        0.19985053242002433820987653617e2,
        -0.38703730874935176555105901742e3,
        -0.18917813819516756882830838328e3,
        0.52780815920542364900561016686e3,
        -0.11573902539959630126141871134e2,
        0.68812326946963000169666922661e1,
        -0.10006050966910838403183860980e1,
        0.77771377980534432092869265740e0,
        -0.27782057523535084065932004339e1,
        -0.60196695231264120758267380846e2,
        0.84320405506677161018159903784e2,
        0.11992291136182789328035130030e2,
    ],
    [
        -0.25693933462703749003312586129e2,
        -0.15418974869023643374053993627e3,
        -0.23152937917604549567536039109e3,
        0.35763911791061412378285349910e3,
        0.93405324183624310003907691704e2,
        -0.37458323136451633156875139351e2,
        0.10409964950896230045147246184e3,
        0.29840293426660503123344363579e2,
        -0.43533456590011143754432175058e2,
        0.96324553959188282948394950600e2,
        -0.39177261675615439165231486172e2,
        -0.14972683625798562581422125276e3,
    ],
];

/// d of Dopri5's: stages 1 and 3 to 7.
const DOPRI5: [[f64; 12]; 1] = [[
    -12_715_105_075.0 / 11_282_082_432.0,
    87_487_479_700.0 / 32_700_410_799.0,
    -10_690_763_975.0 / 1_880_347_072.0,
    701_980_252_875.0 / 199_316_789_632.0,
    -1_453_857_185.0 / 822_651_844.0,
    69_997_945.0 / 29_380_423.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
]];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integrate::stepper::{DOP853_CONTROL, DOPRI5_CONTROL};
    use crate::{AnyNeuron, Run, Sampling};
    use nalgebra::SVector;
    use ode_solvers::{Dop853, Dopri5, OutputType, System};

    struct Bare<'a>(&'a AnyNeuron);

    impl System<f64, SVector<f64, 2>> for Bare<'_> {
        fn system(&self, _: f64, y: &SVector<f64, 2>, dy: &mut SVector<f64, 2>) {
            self.0.field(y.as_slice(), dy.as_mut_slice()).unwrap();
        }
    }

    /// If `ode_solvers` evaluated its stages in another order, this would fail.
    #[test]
    fn ours_is_the_librarys_dense_output() {
        let neuron = AnyNeuron::new("wererabbit").unwrap();
        let start = SVector::from([0.3, 0.1]);
        let (never, out) = (u32::MAX, || OutputType::Dense);
        macro_rules! bare {
            ($method:ident, $control:expr) => {{
                let (f, b, l, m) = $control;
                let bare = Bare(&neuron);
                $method::from_param(bare, 0.0, 8.0, 0.01, start, 1e-9, 1e-9, f, b, l, m, 8.0, 0.0, never, never, out())
            }};
        }
        let (mut bare8, mut bare5) = (bare!(Dop853, DOP853_CONTROL), bare!(Dopri5, DOPRI5_CONTROL));
        let works = [bare8.integrate().unwrap(), bare5.integrate().unwrap()];
        let outputs = [bare8.y_out(), bare5.y_out()];
        for ((method, theirs), work) in [Method::Dop853, Method::Dopri5].into_iter().zip(outputs).zip(works) {
            let sampling = Sampling::Uniform(801);
            let run = Run { initial: Some(vec![0.3, 0.1]), rtol: 1e-9, atol: 1e-9, method, sampling, ..Run::to(8.0) };
            let ours = neuron.simulate(&run).unwrap();
            let signals = ours.sampled.signals();
            for (k, y) in theirs.iter().enumerate().take(801) {
                let error = (signals[0].values[k] - y[0]).abs().max((signals[1].values[k] - y[1]).abs());
                // The library adds up its sample times; ours are exact.
                assert!(error < 1e-12, "{method:?} sample {k}: {error:e}");
            }
            assert_eq!(ours.work.evaluations, u64::from(work.num_eval));
            assert_eq!(
                (ours.work.accepted, ours.work.rejected),
                (u64::from(work.accepted_steps), u64::from(work.rejected_steps))
            );
        }
    }
}
