"""Plausible wrong answers to the derivations of Part I, each with the thought that leads to it.

The tests and the book's page of common mistakes read this one list. :func:`labcode.derivation.refuse` shows that
every answer in it is refused. Wrong backward passes, which need tensors, are in :mod:`labcode.network.mistakes`.
"""

from sympy import (
    Abs,
    Function,
    IndexedBase,
    KroneckerDelta,
    Lambda,
    Max,
    Min,
    Rational,
    Sum,
    exp,
    log,
    sign,
    sqrt,
    symbols,
    tanh,
)

from labcode.derivation.expressions import Partial, Product, Ratio
from labcode.derivation.questions import Question

n, m, i, j, k, l, c = symbols("n m i j k l c", integer=True, positive=True)
beta, E, z = symbols("beta E z", real=True)
X, Z, p, g, x, y, W, b, K, f, w = (IndexedBase(name, real=True) for name in "XZpgxyWbKfw")
delta = KroneckerDelta

in_z = {p: Lambda(i, exp(Z[i]) / Sum(exp(Z[k]), (k, 1, n)))}
in_x = {**in_z, Z: Lambda(i, -beta * X[i])}
total = Sum(exp(x[k]), (k, 1, n))

x1, x2, a_, b_, M, mn, y_, u, x_in, x_out = symbols("x1 x2 a b M m y u x_in x_out", real=True)
sigma, loss = Function("sigma"), Function("loss")
logistic = {sigma: Lambda(u, 1 / (1 + exp(-u))), x_out: sigma(x_in), E: loss(x_out)}
arrives = Partial(E, x_out)
graph = {
    sigma: Lambda(u, 1 / (1 + exp(-u))),
    a_: sigma(x1),
    b_: sigma(x2),
    M: Max(a_, b_),
    mn: Min(a_, b_),
    y_: M + mn,
    E: loss(y_),
}
sent = Partial(E, y_)
r, s, q, v = symbols("r s q v", integer=True, nonnegative=True)
convolution = {y: Lambda((r, s), Sum(w[q, v] * x[r + q, s + v], (q, 0, 1), (v, 0, 1)))}
out = symbols("out", positive=True)

#: By a short name, in the order of the chapters.
QUESTIONS = {
    "logistic": Question(
        "logistic function, by its input",
        Partial(E, x_in),
        Product(arrives, 1 - x_out, x_out),
        {
            "second factor dropped": (Product(arrives, 1 - x_out), "The slope of σ is one minus σ."),
            "first factor dropped": (Product(arrives, x_out), "A large output passes a large error."),
            "error of the output dropped": (Product(1 - x_out, x_out), "The question is what the slope of σ is."),
            "sign flipped": (Product(-1, arrives, 1 - x_out, x_out), "σ is 1/v, and the slope of 1/v is negative."),
            "sign flipped inside": (Product(arrives, x_out - 1, x_out), "The quotient rule starts with v minus 1."),
            "plus for minus": (Product(arrives, 1 + x_out, x_out), "The denominator of σ has a plus."),
            "slope of tanh": (Product(arrives, 1 - x_out**2), "The slope of a sigmoid is one minus its square."),
            "squared": (
                Product(arrives, (1 - x_out) * x_out, (1 - x_out) * x_out),
                "The error passes σ twice, on the way forward and on the way back.",
            ),
            "taken at the output": (
                Product(arrives, 1 - sigma(x_out), sigma(x_out)),
                "The slope is σ (1 − σ), and x_out is what the layer has kept to put into it.",
            ),
            "input for output": (Product(arrives, 1 - x_in, x_in), "The slope by the input contains the input."),
            "slope of the other output": (
                Product(arrives, Partial(1 - sigma(x_in), x_in)),
                "One minus σ is a probability as well.",
            ),
            "slope dropped": (arrives, "The error of the output is the error of the input."),
            "divided": (Ratio(arrives, Product(1 - x_out, x_out)), "Going backward, I divide by the slope."),
            "mirrored input, odd": (
                Product(arrives, sigma(x_in) - sigma(-x_in)),
                "σ at minus x is one minus σ, so the difference of the two is the slope.",
            ),
            "exponential for one minus the output": (
                Product(arrives, exp(-x_in), x_out),
                "The slope of the exponential is the exponential, and one factor of σ remains.",
            ),
        },
        logistic,
    ),
    "exponents": Question(
        "softmax, by its exponents",
        Partial(p[i], Z[j]),
        p[i] * (delta(i, j) - p[j]),
        {
            "diagonal alone": (delta(i, j) * p[i] * (1 - p[i]), "Output i is the softmax of input i, and of no other."),
            "off-diagonal everywhere": (-p[i] * p[j], "All that a larger input does is to enlarge the sum."),
            "diagonal everywhere": (p[i] * (1 - p[i]), "Softmax has the slope of σ, whatever the indices."),
            "sign flipped": (-p[i] * (delta(i, j) - p[j]), "The sum stands in the denominator, so a minus comes out."),
            "i for j in the last factor": (p[i] * (delta(i, j) - p[i]), "All factors belong to output i."),
            "j for i in the first factor": (
                p[j] * (delta(i, j) - p[j]),
                "The Jacobian is symmetric, so I may write j for i.",
            ),
            "delta dropped": (p[i] * (1 - p[j]), "The delta is 1 on the diagonal, which I have in mind."),
            "first factor dropped": (delta(i, j) - p[j], "One-hot minus p is the gradient of softmax."),
            "square forgotten": (
                delta(i, j) * p[i] - p[j],
                "The quotient rule's second term has the sum once below it.",
            ),
        },
        in_z,
    ),
    "temperature": Question(
        "softmax with β, by its inputs",
        Partial(p[i], X[j]),
        -beta * p[i] * (delta(i, j) - p[j]),
        {
            "beta for minus beta": (beta * p[i] * (delta(i, j) - p[j]), "β multiplies the inputs, as in most books."),
            "beta dropped": (p[i] * (delta(i, j) - p[j]), "The derivative of softmax is in the book already."),
            "minus dropped with beta": (-p[i] * (delta(i, j) - p[j]), "The exponent falls with X, so the sign turns."),
            "beta squared": (-(beta**2) * p[i] * (delta(i, j) - p[j]), "β is in the numerator and the denominator."),
            "one over beta": (-p[i] * (delta(i, j) - p[j]) / beta, "β is a temperature, which divides."),
            "i and j swapped once": (-beta * p[j] * (delta(i, j) - p[j]), "By symmetry i and j can be exchanged."),
            "off-diagonal sign": (-beta * p[i] * (delta(i, j) + p[j]), "If X grows, every probability falls."),
        },
        in_x,
    ),
    "off-diagonal": Question(
        "softmax with β, where i differs from j",
        Partial(p[i], X[j]),
        beta * p[i] * p[j],
        {
            "minus kept": (-beta * p[i] * p[j], "The result by Z is negative, and β is positive."),
            "the diagonal's formula": (-beta * p[i] * (1 - p[i]), "The indices only name the outputs."),
            "zero": (0 * p[i], "The numerator of output i does not contain input j."),
            "one factor": (beta * p[i], "The numerator is a constant, so it alone remains."),
        },
        in_x,
        ((i, j),),
    ),
    "likelihood": Question(
        "softmax with negative log-likelihood",
        Partial(E, X[j]),
        beta * (delta(c, j) - p[j]),
        {
            "the textbook's sign": (p[j] - delta(c, j), "Every framework computes p minus one-hot."),
            "sign flipped": (beta * (p[j] - delta(c, j)), "It is the textbook's p minus one-hot, times β."),
            "beta dropped": (delta(c, j) - p[j], "β cancels, as the probability does."),
            "probability not cancelled": (
                beta * p[c] * (delta(c, j) - p[j]),
                "The Jacobian of softmax has a p in front.",
            ),
            "one-hot forgotten": (-beta * p[j], "The right class is a constant, so it has no slope."),
            "right class's probability": (beta * (delta(c, j) - p[c]), "Only the right class's output is in the loss."),
            "slope of the wrong output": (
                Product(-1 / p[c], Partial(p[j], X[c]), p[c]),
                "Output j depends on the input of the right class.",
            ),
        },
        {**in_x, E: -log(p[c])},
    ),
    "softmax backward": Question(
        "softmax, backward pass",
        Sum(Product(g[i], Partial(p[i], X[j])), (i, 1, n)),
        -beta * p[j] * (g[j] - Sum(g[i] * p[i], (i, 1, n))),
        {
            "mean forgotten": (-beta * p[j] * g[j], "Each output passes its own error to its own input."),
            "plain mean": (
                -beta * p[j] * (g[j] - Sum(g[i], (i, 1, n)) / n),
                "The errors are compared with their mean.",
            ),
            "sum not weighted": (
                -beta * p[j] * (g[j] - Sum(g[i], (i, 1, n))),
                "Every output sends its whole error.",
            ),
            "sign of the mean": (
                -beta * p[j] * (g[j] + Sum(g[i] * p[i], (i, 1, n))),
                "Contributions of several outputs are added.",
            ),
        },
        in_x,
    ),
    "maximum plus minimum": Question(
        "maximum plus minimum, by the first input",
        Partial(E, x1),
        Product(sent, 1 - sigma(x1), sigma(x1)),
        {
            "maximum only": (
                Product(sent, Ratio(1 + sign(a_ - b_), 2), 1 - a_, a_),
                "The error goes to the larger input.",
            ),
            "minimum only": (
                Product(sent, Ratio(1 - sign(a_ - b_), 2), 1 - a_, a_),
                "The last arrow that I followed led to the minimum.",
            ),
            "counted twice": (Product(2, sent, 1 - a_, a_), "There are two paths, so the error arrives twice."),
            "the other input": (Product(sent, 1 - b_, b_), "The minimum hands the error to the other input."),
            "slope at the larger": (
                Product(sent, 1 - M, M),
                "The maximum is what went on, so the slope is taken there.",
            ),
            "slope at the sum": (Product(sent, 1 - y_, y_), "The slope of σ is taken at the output of the graph."),
            "difference of the branches": (
                Product(sent, sign(a_ - b_), 1 - a_, a_),
                "The slope of the minimum is minus that of the maximum.",
            ),
            "factor dropped": (Product(sent, 1 - a_), "The slope of σ is one minus σ."),
            "inner slope forgotten": (sent, "Maximum and minimum only pass the error on, so all of it arrives."),
        },
        graph,
    ),
    "slope of the maximum": Question(
        "maximum, by its first argument",
        Partial(M, a_),
        Ratio(1 + sign(a_ - b_), 2),
        {
            "sign turned": (Ratio(1 - sign(a_ - b_), 2), "The distance is b minus a."),
            "always 1": (1 + 0 * a_, "The maximum is one of its arguments, and an argument has the slope 1."),
            "always a half": (Rational(1, 2) + 0 * a_, "The two arguments share the error evenly."),
            "half forgotten": (1 + sign(a_ - b_), "The half is a constant, so it drops out."),
            "absolute value kept": (Ratio(1 + Abs(a_ - b_), 2), "The slope of an absolute value is that value."),
        },
        {M: Max(a_, b_)},
    ),
    "linear by input": Question(
        "linear layer, by the input",
        Sum(Product(g[i], Partial(y[i], x[j])), (i, 1, m)),
        Sum(g[i] * W[i, j], (i, 1, m)),
        {
            "transpose missing": (Sum(g[i] * W[j, i], (i, 1, m)), "The error goes through the same matrix."),
            "summed over the inputs": (
                Sum(g[i] * W[i, j], (i, 1, n)),
                "There are as many terms as in the forward pass.",
            ),
            "weights dropped": (Sum(g[i], (i, 1, m)), "A sum passes its error to all of its terms."),
            "input kept": (Sum(g[i] * W[i, j] * x[j], (i, 1, m)), "The term of input j is W times x."),
            "bias added": (Sum(g[i] * (W[i, j] + b[i]), (i, 1, m)), "The bias is part of the output, so of its slope."),
        },
        {y: Lambda(i, Sum(W[i, k] * x[k], (k, 1, n)) + b[i])},
    ),
    "linear by weight": Question(
        "linear layer, by a weight",
        Sum(Product(g[i], Partial(y[i], W[k, l])), (i, 1, m)),
        g[k] * x[l],
        {
            "indices swapped": (g[l] * x[k], "The first index belongs to the input."),
            "weight for input": (g[k] * W[k, l], "The slope of a product W x is W."),
            "error dropped": (x[l], "The slope of a linear function is its input."),
            "all errors": (Sum(g[i], (i, 1, m)) * x[l], "Every output contains the weights."),
        },
        {y: Lambda(i, Sum(W[i, k] * x[k], (k, 1, n)) + b[i])},
    ),
    "convolution": Question(
        "convolution, by the middle pixel",
        Sum(Product(g[r, s], Partial(y[r, s], x[1, 1])), (r, 0, 1), (s, 0, 1)),
        g[0, 0] * w[1, 1] + g[0, 1] * w[1, 0] + g[1, 0] * w[0, 1] + g[1, 1] * w[0, 0],
        {
            "filter not turned": (
                g[0, 0] * w[0, 0] + g[0, 1] * w[0, 1] + g[1, 0] * w[1, 0] + g[1, 1] * w[1, 1],
                "The filter slides over the errors as it does over the pixels.",
            ),
            "filter transposed": (
                g[0, 0] * w[1, 1] + g[0, 1] * w[0, 1] + g[1, 0] * w[1, 0] + g[1, 1] * w[0, 0],
                "As in a linear layer, the weights are transposed.",
            ),
            "mirrored in one direction": (
                g[0, 0] * w[0, 1] + g[0, 1] * w[0, 0] + g[1, 0] * w[1, 1] + g[1, 1] * w[1, 0],
                "To turn a filter is to reverse its columns.",
            ),
            "one term missing": (
                g[0, 0] * w[1, 1] + g[0, 1] * w[1, 0] + g[1, 0] * w[0, 1],
                "The last output begins at this pixel, so the pixel belongs to the others.",
            ),
        },
        convolution,
    ),
    "Lp pooling": Question(
        "Lp pooling with P = 2, by a pixel",
        Partial(out, x[j]),
        x[j] / out,
        {
            "factor two": (2 * x[j] / out, "The slope of a square is twice the number."),
            "not divided": (x[j], "The root undoes the square, and the half its factor."),
            "divided by the square": (x[j] / out**2, "Each pixel gets its share of the sum of squares."),
            "sign lost": (Abs(x[j]) / out, "A norm does not see signs, so its slope does not either."),
            "the whole sum": (Sum(x[k], (k, 1, n)) / out, "The slope of a sum is the sum of the slopes."),
        },
        {out: sqrt(Sum(x[k] ** 2, (k, 1, n)))},
    ),
    "normalization": Question(
        "subtractive normalization, by a pixel",
        Sum(Product(g[i], Partial(y[i], x[j])), (i, 1, n)),
        g[j] - Sum(g[i] * K[i, j], (i, 1, n)),
        {
            "transpose missing": (
                g[j] - Sum(g[i] * K[j, i], (i, 1, n)),
                "The backward pass subtracts the local mean, as the forward pass does.",
            ),
            "mean taken as a constant": (g[j], "The mean is subtracted, and a constant has no slope."),
            "sign flipped": (g[j] + Sum(g[i] * K[i, j], (i, 1, n)), "Contributions of several outputs are added."),
            "own error forgotten": (-Sum(g[i] * K[i, j], (i, 1, n)), "The pixel counts in the means of the others."),
        },
        {y: Lambda(i, x[i] - Sum(K[i, k] * x[k], (k, 1, n)))},
    ),
    "tanh": Question(
        "tanh, by its argument",
        Partial(tanh(z), z),
        1 - tanh(z) ** 2,
        {
            "square missing": (1 - tanh(z), "The slope is one minus the output."),
            "sign": (tanh(z) ** 2 - 1, "A trigonometric slope has a minus sign somewhere."),
            "the logistic function's": (tanh(z) * (1 - tanh(z)), "tanh is a sigmoid, and this is the slope of one."),
            "plus": (1 + tanh(z) ** 2, "It is the slope of the tangent."),
        },
    ),
    "dropout": Question(
        "dropout, by its input",
        Sum(Product(g[i], Partial(y[i], x[j])), (i, 1, n)),
        g[j] * f[j],
        {
            "mask forgotten": (g[j], "Dropout only acts in the forward pass."),
            "input for mask": (g[j] * x[j], "The slope of the product f x is x."),
            "mask twice": (g[j] * f[j] ** 2, "The mask acts once on the way forward and once on the way back."),
        },
        {y: Lambda(i, f[i] * x[i])},
    ),
    "log-softmax": Question(
        "log-softmax with negative log-likelihood",
        Partial(E, x[j]),
        exp(x[j]) / total - delta(c, j),
        {
            "sign flipped": (delta(c, j) - exp(x[j]) / total, "The target minus the output is the error."),
            "one-hot forgotten": (exp(x[j]) / total, "The slope of the logarithm of the sum is softmax."),
            "likelihood alone": (-delta(c, j) + 0 * x[j], "Only the score of the right class is in the loss."),
            "not normalized": (exp(x[j]) - delta(c, j), "The exponential is its own slope."),
        },
        {E: -log(exp(x[c]) / total)},
    ),
}
