#!/usr/bin/env python3
"""Derive the constants of src/kernels/gelu.h and measure what they cost in float32.

    gelu(x) = x/2 + |x| R(t),   R(t) = 1/2 - Q(t),   t = min(|x|, T)

because x Phi(x) = x/2 + |x| (1/2 - Phi(-|x|)), and the tanh form has the same symmetry. Q must
follow the tail Phi(-t) (or its tanh counterpart) over seven decades. A short polynomial cannot,
but Q^(1/2^s) is smooth and nearly straight, so

    Q = (..((p(t)^2 + c1)^2 + c2)^2 ..) + cs,    p of degree d,

with a free constant after each squaring, which the fit uses to spread the error. The last step
gives R itself, (1/2 - cs) - q^2, so all that is left is one multiplication and one multiply-add:
d + s + 4 operations, no exponential, division, table or branch.

The fit is a weighted Gauss-Newton iteration whose weights grow where the error is largest
(Lawson), so it tends to the smallest maximum of |t (Q - tail)|. Two things are asked besides:
 - R(T) must round to 1/2, so that x > T gives x and x < -T gives 0, both exactly. So T Q(T) is
   one more residual, with target 0 and a weight of its own, and the rounded constants are checked.
 - 1/2 - cs must be a float, so cs is a small multiple of -2^-24, tried in turn, and not fitted.

--pieces derives gelu_pieces.h instead: quadratic pieces of gelu itself, as many as two registers
of floats hold, x and 0 beyond them. 1e-4 at best, for precisions that err by more anyway.

--half derives its other table: cubic pieces of gelu - x/2, which is even, so that 32 pieces cover half the line.

Needs numpy. Prints C initialisers, the error of the fit and the float32 error of the formula
evaluated as the kernels evaluate it, with and without fused multiply-add.
"""
import argparse
import math

import numpy as np


def tail_erf(t):
    """Phi(-t), in double without cancellation."""
    return np.array([0.5 * math.erfc(v * math.sqrt(0.5)) for v in t])


def tail_tanh(t):
    """(1 - tanh(u)) / 2 = 1 / (1 + exp(2u)), u = sqrt(2/pi) (t + 0.044715 t^3)."""
    return 1.0 / (1.0 + np.exp(2.0 * math.sqrt(2.0 / math.pi) * (t + 0.044715 * t**3)))


def evaluate(theta, last, degree, t):
    """Q(t) and its derivative with respect to every fitted parameter, all in double."""
    p = np.zeros_like(t)
    for a in theta[: degree + 1]:
        p = p * t + a
    jacobian = [t ** (degree - i) for i in range(degree + 1)]
    for c in theta[degree + 1 :]:
        jacobian = [2.0 * p * column for column in jacobian] + [np.ones_like(t)]
        p = p * p + c
    return p * p + last, np.stack([2.0 * p * column for column in jacobian], axis=1)


def fit(tail, degree, squarings, limit, last, rounds):
    """Parameters minimising max |t (Q - tail)| on [0, limit], with Q(limit) held near 0."""
    t = limit * 0.5 * (1.0 - np.cos(np.pi * np.linspace(0.0, 1.0, 1501)))
    t[0] = 1e-6
    exact = tail(t)
    points = np.append(t, 8.0 * limit)  # the clamp's tail, as a residual of its own
    inside = np.append(t, limit)
    target = np.append(exact, 0.0)

    root = exact ** (1.0 / 2**squarings)
    scaled = np.polyfit(t, root, degree, w=t * exact / root + 1e-6)
    theta = np.concatenate([scaled, np.zeros(squarings - 1)])

    def residual(candidate):
        q, jacobian = evaluate(candidate, last, degree, inside)
        return points * (q - target), points[:, None] * jacobian

    weight = np.ones_like(points)
    r, jacobian = residual(theta)
    best, best_error, damping = theta, np.abs(r).max(), 1e-3
    for _ in range(rounds):
        root_weight = np.sqrt(weight)
        weighted = jacobian * root_weight[:, None]
        scale = np.sqrt((weighted**2).sum(axis=0)) + 1e-300
        for _ in range(12):  # Levenberg-Marquardt: shorter steps until the sum falls
            system = np.vstack([weighted / scale, damping * np.eye(len(theta))])
            right = np.append(-r * root_weight, np.zeros(len(theta)))
            step = np.linalg.lstsq(system, right, rcond=None)[0] / scale
            r_new, jacobian_new = residual(theta + step)
            if (weight * r_new**2).sum() < (weight * r**2).sum():
                theta, r, jacobian = theta + step, r_new, jacobian_new
                damping = max(damping * 0.3, 1e-9)
                break
            damping *= 4.0
        error = np.abs(r).max()
        if error < best_error:
            best, best_error = theta, error
        weight *= (np.abs(r) / error + 0.02) ** 0.5
        weight /= weight.mean()
        damping = min(damping, 1e-1)
    return np.append(best, last), best_error


def multiply_add(a, b, c, fused):
    """float32 a*b+c; the product of two floats is exact in double, so one rounding is left
    (and, once in 2^29 cases, a double one)."""
    if fused:
        return (a.astype(np.float64) * b + c).astype(np.float32)
    return (a * b).astype(np.float32) + c


def tail_factor(theta, degree, t, fused):
    """R(t) by the kernels' own sequence of operations."""
    constants = theta.astype(np.float32)
    p = np.full_like(t, constants[0])
    for a in constants[1 : degree + 1]:
        p = multiply_add(p, t, a, fused)
    for c in constants[degree + 1 : -1]:
        p = multiply_add(p, p, c, fused)
    return multiply_add(-p, p, np.float32(0.5 - theta[-1]), fused)


def gelu_float32(theta, degree, limit, x, fused):
    magnitude = np.abs(x)
    factor = tail_factor(theta, degree, np.minimum(magnitude, np.float32(limit)), fused)
    return multiply_add(magnitude, factor, np.float32(0.5) * x, fused)


def exact_beyond(theta, degree, limit):
    """Does R(T) round to 1/2, with and without fused multiply-add?"""
    t = np.full(1, limit, np.float32)
    return all(tail_factor(theta, degree, t, fused)[0] == 0.5 for fused in (True, False))


def measure(theta, tail, degree, limit, fused):
    """Largest |error| and |error| / max(1, |x|) over 2 x 10^6 floats in [-12, 12]."""
    x = np.linspace(-12.0, 12.0, 2_000_001).astype(np.float32)
    wide = x.astype(np.float64)
    exact = np.maximum(wide, 0.0) - np.abs(wide) * tail(np.abs(wide))
    error = np.abs(gelu_float32(theta, degree, limit, x, fused) - exact)
    return error.max(), (error / np.maximum(1.0, np.abs(wide))).max()


def derive(name, tail, degree, squarings, limits, rounds):
    results = []
    for limit in limits:
        limit = float(np.float32(limit))
        for multiple in range(4):
            last = -multiple * 2.0**-24
            theta, error = fit(tail, degree, squarings, limit, last, rounds)
            if exact_beyond(theta, degree, limit):
                results.append((error, limit, theta))
    if not results:
        print(f"/* {name}: no limit gives R(T) = 1/2 */")
        return
    error, limit, theta = min(results, key=lambda result: result[0])
    upper = name.upper()
    print(f"/* {name}: degree {degree}, {squarings} squarings, fit error {error:.2e} */")
    print(f"#define GELU_{upper}_LIMIT {np.float32(limit):.9g}f")
    constants = np.append(theta[:-1], 0.5 - theta[-1])
    for label, part in (("P", constants[: degree + 1]), ("C", constants[degree + 1 :])):
        values = ", ".join(f"{np.float32(v):.9g}f" for v in part)
        print(f"#define GELU_{upper}_{label} {values}")
    for fused in (True, False):
        absolute, relative = measure(theta, tail, degree, limit, fused)
        print(f"/* float32 {'with' if fused else 'without'} fused multiply-add: "
              f"max |error| {absolute:.2e}, / max(1,|x|) {relative:.2e} */")


PIECES = 32  # piece n & 31 is that of x in [n - 1/2, n + 1/2] / scale, n = -15 .. 15


def fit_piece(exact, begin, end, degree=2):
    """Coefficients, lowest power first, of the polynomial with the smallest maximum error, and
    that error: Lawson's weights as above."""
    middle, half = (begin + end) / 2, (end - begin) / 2
    u = np.cos(np.pi * np.linspace(0.0, 1.0, 400))
    basis, target = np.vander(u, degree + 1, increasing=True), exact(middle + half * u)
    weight, best, best_error = np.ones_like(u), None, np.inf
    for _ in range(300):
        root = np.sqrt(weight)
        theta = np.linalg.lstsq(basis * root[:, None], target * root, rcond=None)[0]
        r = np.abs(basis @ theta - target)
        if r.max() < best_error:
            best, best_error = theta, r.max()
        weight *= r / r.max() + 1e-3
        weight /= weight.sum()
    shifted = np.poly1d(best[::-1])(np.poly1d([1 / half, -middle / half])).coeffs[::-1]
    return np.append(shifted, np.zeros(degree + 1 - len(shifted))), best_error


def derive_pieces(name, tail, scales):
    def exact(x):
        return np.maximum(x, 0.0) - np.abs(x) * tail(np.abs(x))

    best = None
    for scale in scales:
        scale, last = float(np.float32(scale)), PIECES // 2 - 1
        table, worst = np.zeros((PIECES, 3)), abs(exact(np.array([(0.5 - last) / scale]))[0])
        table[last] = [0.0, 1.0, 0.0]
        for n in range(1 - last, last):
            table[n % PIECES], error = fit_piece(exact, (n - 0.5) / scale, (n + 0.5) / scale)
            worst = max(worst, error)
        if best is None or worst < best[0]:
            best = worst, scale, table
    worst, scale, table = best
    print(f"/* {name}: error {worst:.2e}, scale {scale:.9g} */")
    for power in range(3):
        values = [f"{np.float32(v):.8e}f" for v in table[:, power]]
        print(f"/* x^{power} */\n{{" + ", ".join(values) + "}")


def derive_half(name, tail, scales):
    """Piece n is that of |x| in [n - 1/2, n + 1/2] / scale; the last is |x|/2, from where the rest
    is the least part of the promised error."""

    def even(x):
        return np.abs(x) * (0.5 - tail(np.abs(x)))

    best = None
    for scale in scales:
        scale, last = float(np.float32(scale)), PIECES - 1
        begin = (last - 0.5) / scale
        table, worst = np.zeros((PIECES, 4)), tail(np.array([begin]))[0]
        table[last, 1] = 0.5
        for n in range(last):
            low, high = max(n - 0.5, 0) / scale, (n + 0.5) / scale
            table[n], error = fit_piece(even, low, high, 3)
            worst = max(worst, error / max(1.0, high))
        if best is None or worst < best[0]:
            best = worst, scale, table
    worst, scale, table = best
    print(f"/* {name}: error / max(1, |x|) {worst:.2e}, scale {scale:.9g} */")
    for power in range(4):
        values = [f"{np.float32(v):.8e}f" for v in table[:, power]]
        print(f"/* |x|^{power} */\n{{" + ", ".join(values) + "}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--form", choices=("erf", "tanh"), required=True)
    parser.add_argument("--pieces", action="store_true", help="derive gelu_pieces.h")
    parser.add_argument("--half", action="store_true", help="derive its cubic pieces")
    parser.add_argument("--scales", help="of pieces: from:to:step (3.4:3.7:0.01; half 5.8:6.4:0.02)")
    parser.add_argument("--degree", type=int, default=5)
    parser.add_argument("--squarings", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--limits", default="4.8:6.2:0.1", help="clamps T tried, from:to:step")
    arguments = parser.parse_args()
    tail = {"erf": tail_erf, "tanh": tail_tanh}[arguments.form]
    scales = arguments.scales or ("5.8:6.4:0.02" if arguments.half else "3.4:3.7:0.01")
    tried = scales if arguments.pieces or arguments.half else arguments.limits
    start, stop, step = (float(v) for v in tried.split(":"))
    tried = np.arange(start, stop + step / 2, step)
    if arguments.half:
        derive_half(arguments.form, tail, tried)
    elif arguments.pieces:
        derive_pieces(arguments.form, tail, tried)
    else:
        derive(arguments.form, tail, arguments.degree, arguments.squarings, tried,
               arguments.rounds)


if __name__ == "__main__":
    main()
