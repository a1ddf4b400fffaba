#!/usr/bin/env python3
"""Derive the constants of src/kernels/gelu.h and measure what they cost in float32.

    gelu(x) = relu(x) - t Q(t),   t = min(|x|, T)

because gelu is relu minus an even function: x Phi(x) = max(x, 0) - |x| Phi(-|x|), and the tanh
form has the same symmetry. Q must follow the tail 1 - Phi(t) (or its tanh counterpart) over
seven decades. A short polynomial cannot, but its 2^s-th power can: p ~ Q^(1/2^s) is smooth
and nearly straight. So

    Q = (..((p(t)^2 + c1)^2 + c2)^2 ..) + cs,    p of degree d,

with a free constant after each squaring, which the fit uses to spread the error. That is
d + s + 2 fused operations besides the abs and min: no exponential, division, table or branch.

The fit is a weighted Gauss-Newton iteration whose weights grow where the error is largest
(Lawson), so it converges to the smallest maximum error of t Q(t). Beyond T the result keeps
the error T Q(T) for ever, so T Q(T) is one more residual with target 0: without it the fit is
free to put its largest error there.

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


def evaluate(theta, degree, t):
    """Q(t) and its derivative with respect to every parameter, all in double."""
    p = np.zeros_like(t)
    for a in theta[: degree + 1]:
        p = p * t + a
    jacobian = [t ** (degree - i) for i in range(degree + 1)]
    for c in theta[degree + 1 :]:
        jacobian = [2.0 * p * column for column in jacobian] + [np.ones_like(t)]
        p = p * p + c
    return p, np.stack(jacobian, axis=1)


def fit(tail, degree, squarings, limit, rounds):
    """Parameters minimising max |t (Q - tail)| on [0, limit] and |limit Q(limit)|."""
    t = limit * 0.5 * (1.0 - np.cos(np.pi * np.linspace(0.0, 1.0, 1501)))
    t[0] = 1e-6
    exact = tail(t)
    points = np.append(t, limit)  # the clamp's tail, as a residual of its own
    target = np.append(exact, 0.0)

    root = exact ** (1.0 / 2**squarings)
    scaled = np.polyfit(t, root, degree, w=t * exact / root + 1e-6)
    theta = np.concatenate([scaled, np.zeros(squarings)])

    def residual(candidate):
        q, jacobian = evaluate(candidate, degree, points)
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
    return best, best_error


def multiply_add(a, b, c, fused):
    """float32 a*b+c; the product of two floats is exact in double, so one rounding is left
    (and, once in 2^29 cases, a double one)."""
    if fused:
        return (a.astype(np.float64) * b + c).astype(np.float32)
    return (a * b).astype(np.float32) + c


def gelu_float32(theta, degree, limit, x, fused):
    """The kernels' own sequence of operations."""
    constants = theta.astype(np.float32)
    magnitude = np.abs(x)
    t = np.minimum(magnitude, np.float32(limit))
    p = np.full_like(t, constants[0])
    for a in constants[1 : degree + 1]:
        p = multiply_add(p, t, a, fused)
    for c in constants[degree + 1 :]:
        p = multiply_add(p, p, c, fused)
    half = np.float32(0.5)
    relu = multiply_add(magnitude, half, half * x, fused)
    return multiply_add(-t, p, relu, fused)


def measure(theta, tail, degree, limit, fused):
    """Largest |error| and |error| / max(1, |x|) over 2 x 10^6 floats in [-12, 12]."""
    x = np.linspace(-12.0, 12.0, 2_000_001).astype(np.float32)
    wide = x.astype(np.float64)
    exact = np.maximum(wide, 0.0) - np.abs(wide) * tail(np.abs(wide))
    error = np.abs(gelu_float32(theta, degree, limit, x, fused) - exact)
    return error.max(), (error / np.maximum(1.0, np.abs(wide))).max()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--degree", type=int, default=5)
    parser.add_argument("--squarings", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=600)
    parser.add_argument("--limits", default="4.6:6.0:0.1", help="clamps T tried, from:to:step")
    parser.add_argument("--form", choices=("erf", "tanh"), help="only this form")
    arguments = parser.parse_args()
    start, stop, step = (float(v) for v in arguments.limits.split(":"))
    for name, tail in (("erf", tail_erf), ("tanh", tail_tanh)):
        if arguments.form not in (None, name):
            continue
        results = []
        for limit in np.arange(start, stop + step / 2, step):
            limit = float(np.float32(limit))
            try:
                theta, error = fit(tail, arguments.degree, arguments.squarings, limit,
                                   arguments.rounds)
            except np.linalg.LinAlgError:
                continue
            results.append((error, limit, theta))
        error, limit, theta = min(results, key=lambda result: result[0])
        split = arguments.degree + 1
        print(f"/* {name}: degree {arguments.degree}, {arguments.squarings} squarings, "
              f"fit error {error:.2e} */")
        print(f"#define GELU_{name.upper()}_LIMIT {np.float32(limit):.9g}f")
        for label, part in (("P", theta[:split]), ("C", theta[split:])):
            values = ", ".join(f"{np.float32(v):.9g}f" for v in part)
            print(f"#define GELU_{name.upper()}_{label} {values}")
        for fused in (True, False):
            absolute, relative = measure(theta, tail, arguments.degree, limit, fused)
            print(f"   float32 {'with' if fused else 'without'} fused multiply-add: "
                  f"max |error| {absolute:.2e}, / max(1,|x|) {relative:.2e}")


if __name__ == "__main__":
    main()
