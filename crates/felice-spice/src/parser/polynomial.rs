//! `POLY(n)`: SPICE2's polynomials in n controls.

use super::builder::Builder;
use crate::expr::{Binary, Expr, Op};

/// Coefficients of one polynomial.
const MOST: usize = 10_000;

/// The polynomial whose coefficients stand in SPICE2's order: by degree, and within a degree the products x1 x1, x1 x2, ...,
/// x2 x2, ..., their factors in order. A single coefficient of one control belongs to its first power. `None` without
/// coefficients, or with too many.
pub(super) fn expression(controls: &[Op], coefficients: &[f64]) -> Option<Expr> {
    if coefficients.is_empty() || coefficients.len() > MOST || controls.is_empty() {
        return None;
    }
    let mut b = Builder::default();
    let one = b.constant(1.0);
    let mut sum = b.constant(if coefficients.len() == 1 && controls.len() == 1 { 0.0 } else { coefficients[0] });
    let mut left = if coefficients.len() == 1 && controls.len() == 1 { coefficients } else { &coefficients[1..] };
    // The products of one degree: each with the control it ends in.
    let mut products = vec![(0, one)];
    let mut first = true;
    while !left.is_empty() {
        let mut next = Vec::new();
        'degree: for (last, product) in &products {
            for (i, control) in controls.iter().enumerate().skip(*last) {
                let Some((k, rest)) = left.split_first() else { break 'degree };
                left = rest;
                let x = b.push(*control);
                let power = if first { x } else { b.binary(Binary::Mul, *product, x) };
                next.push((i, power));
                if *k != 0.0 {
                    let k = b.constant(*k);
                    let term = b.binary(Binary::Mul, k, power);
                    sum = b.binary(Binary::Add, sum, term);
                }
            }
        }
        (products, first) = (next, false);
    }
    Some(b.finish(sum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::circuit::NodeId;

    #[test]
    fn products_stand_in_the_order_of_spice2() {
        let controls: Vec<Op> = (1..4).map(|i| Op::Voltage(NodeId(i), NodeId(0))).collect();
        let x = [2.0, 3.0, 5.0];
        let of = |coefficients: &[f64]| {
            expression(&controls, coefficients).unwrap().value(0.0, |p, _| x[p.index() - 1], |_| 0.0)
        };
        // 1, x, y, z, xx, xy, xz, yy, yz, zz, xxx, xxy, xxz, xyy, xyz, xzz, yyy, yyz, yzz, zzz
        let products = [
            1.0, 2.0, 3.0, 5.0, 4.0, 6.0, 10.0, 9.0, 15.0, 25.0, 8.0, 12.0, 20.0, 18.0, 30.0, 50.0, 27.0, 45.0, 75.0,
            125.0,
        ];
        for (i, product) in products.iter().enumerate() {
            let mut coefficients = vec![0.0; i + 1];
            coefficients[i] = 2.0;
            assert_eq!(of(&coefficients), 2.0 * product, "{i}");
        }
        assert_eq!(expression(&controls[..1], &[3.0]).unwrap().value(0.0, |_, _| 2.0, |_| 0.0), 6.0);
        assert!(expression(&controls, &[]).is_none());
    }
}
