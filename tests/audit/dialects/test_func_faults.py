"""Mistakes planted into the clean networks by a small edit: each gets its own name."""

from __future__ import annotations

from pathlib import Path

import pytest
from function_samples import Edits, edited, judged
from quick_first import quick_first

# (sample, edits, codes that must be found)
Fault = tuple[str, Edits, set[str]]

DICTIONARIES: list[Fault] = [
    (
        "dict_class",
        (('grads["W2"] = np.dot(z1.T, dy)', 'grads["W2"] = np.dot(z1.T, dy) / batch_num'),),
        {"averaged-twice"},
    ),
    ("dict_class", (("dy = (y - t) / batch_num", "dy = (y - t) / batch_num / batch_num"),), {"averaged-twice"}),
    ("dict_class", (("dy = (y - t) / batch_num", "dy = y - t"),), {"summed"}),
    ("dict_class", (("dy = (y - t) / batch_num", "dy = (t - y) / batch_num"),), {"sign-flipped"}),
    ("dict_class", (("da1 = z1 * (1.0 - z1) * dz1", "da1 = dz1"),), {"activation-derivative-missing"}),
    (
        "dict_class",
        (("da1 = z1 * (1.0 - z1) * dz1", "da1 = sigmoid(z1) * (1.0 - sigmoid(z1)) * dz1"),),
        {"derivative-at-output"},
    ),
    ("dict_class", (("da1 = z1 * (1.0 - z1) * dz1", "da1 = a1 * (1.0 - a1) * dz1"),), {"derivative-fed-input"}),
    ("dict_class", (("dy = (y - t) / batch_num", "dy = (y - t) * y * (1 - y) / batch_num"),), {"softmax-as-sigmoid"}),
    ("dict_loop", (('for key in ("W1", "b1", "W2", "b2"):', 'for key in ("W1", "W2"):'),), {"never-updated"}),
    (
        "dict_loop",
        (
            ("self.dW = np.dot", "self.dW = self.dW + np.dot"),
            ("self.dW = None", "self.dW = 0"),
            ("self.db = np.sum", "self.db = self.db + np.sum"),
            ("self.db = None", "self.db = 0"),
        ),
        {"never-reset"},
    ),
    (
        "dict_loop",
        (("network.params[key] -= learning_rate", "network.params[key] += learning_rate"),),
        {"sign-flipped"},
    ),
    ("dict_loop", (("dout[self.mask] = 0\n", "pass\n"),), {"activation-derivative-missing"}),
    ("dict_course", (("1 - np.power(A1, 2)", "A1 * (1 - A1)"),), {"sigmoid-derivative-everywhere"}),
    ("dict_course", (("dZ2 = A2 - Y", "dZ2 = (A2 - Y) * A2 * (1 - A2)"),), {"gradient-of-squared-error"}),
    ("dict_course", (("dW1 = (1 / m) * np.dot", "dW1 = np.dot"),), {"uneven-scale"}),
    ("dict_deep", (("dZ[cache <= 0] = 0", "pass"),), {"activation-derivative-missing"}),
    ("dict_deep", (("db = 1.0 / m * np.sum", "db = 1.0 / m / m * np.sum"),), {"averaged-twice"}),
    ("dict_tuples", (("b1 = b1 - alpha * db1", "b1 = b1"),), {"never-updated"}),
    ("dict_tuples", (("* ReLU_deriv(Z1)", ""),), {"activation-derivative-missing"}),
    ("dict_tuples", (("W2.T.dot(dZ2)", "W2.dot(dZ2)"),), {"weights-not-transposed"}),
]
PAIRS: list[Fault] = [
    (
        "pairs_layers",
        (("    dx /= N\n    return loss, dx\n", "    dx /= N * N\n    return loss, dx\n"),),
        {"averaged-twice"},
    ),
    (
        "pairs_layers",
        (("dw = x.reshape(x.shape[0], -1).T.dot(dout)", "dw = x.reshape(x.shape[0], -1).T.dot(dout) / x.shape[0]"),),
        {"averaged-twice"},
    ),
    ("pairs_layers", (("return dout * (cache > 0)", "return dout"),), {"activation-derivative-missing"}),
    (
        "pairs_layers",
        (("    dx[np.arange(N), y] -= 1\n    dx /= N", "    dx[np.arange(N), y] -= 1\n    dx /= -N"),),
        {"sign-flipped"},
    ),
    ("pairs_columns", (("(1 - A**2)", "A * (1 - A)"),), {"sigmoid-derivative-everywhere"}),
    ("pairs_columns", (("return (P - Y) / P.shape[1]", "return P - Y"),), {"summed"}),
    ("pairs_columns", (("return A, A", "return A, Z"), ("A * (1", "A * (1")), {"derivative-fed-input"}),
    (
        "pairs_class",
        (("dx /= N\n    return loss, dx\n\n\nclass", "dx /= 1\n    return loss, dx\n\n\nclass"),),
        {"summed"},
    ),
    ("pairs_loop", (("b1 -= 0.5 * db1", ""), ("b2 -= 0.5 * db2", "")), {"never-updated"}),
    ("pairs_loop", (("dh = sigmoid_backward(da, c2)", "dh = da"),), {"activation-derivative-missing"}),
    (
        "pairs_loop",
        (
            (
                "        da, dw2, db2 = dense_backward(dout, c3)\n",
                "        da, dw2, db2 = dense_backward(dout, c3)\n        w2 -= 0.5 * dw2\n        da = dout @ w2.T\n",
            ),
            ("        b1 -= 0.5 * db1\n        w2 -= 0.5 * dw2\n", "        b1 -= 0.5 * db1\n"),
        ),
        {"updated-too-early"},
    ),
]
COLUMNS: list[Fault] = [
    ("columns_first", ((" * sigmoid_prime(zs[-1])", ""),), {"output-derivative-missing"}),
    ("columns_first", (("delta) * sp", "delta)"),), {"activation-derivative-missing"}),
    ("columns_first", (("sp = sigmoid_prime(z)", "sp = sigmoid_prime(activations[-l])"),), {"derivative-at-output"}),
    (
        "columns_first",
        (("w - (eta / len(mini_batch)) * nw", "w - eta * nw"), ("b - (eta / len(mini_batch)) * nb", "b - eta * nb")),
        {"summed"},
    ),
    (
        "columns_first",
        (
            ("w - (eta / len(mini_batch)) * nw", "w + (eta / len(mini_batch)) * nw"),
            ("b - (eta / len(mini_batch)) * nb", "b + (eta / len(mini_batch)) * nb"),
        ),
        {"sign-flipped"},
    ),
    (
        "columns_first",
        (("        self.biases = [b - (eta / len(mini_batch)) * nb for b, nb in zip(self.biases, nabla_b)]\n", ""),),
        {"never-updated"},
    ),
    ("columns_costs", (("return a - y", "return (a - y) * sigmoid_prime(z)"),), {"gradient-of-squared-error"}),
    (
        "columns_costs",
        (("self.weights[-l + 1].transpose(), delta", "self.weights[-l + 1] if l > 2 else self.weights[-1].T, delta"),),
        {"weights-not-transposed"},
    ),
    ("columns_matrix", ((" * (1 - self.a[i] ** 2)", ""),), {"activation-derivative-missing"}),
    ("columns_matrix", (("delta = (self.a[-1] - y) / m", "delta = (self.a[-1] - y) / m / m"),), {"averaged-twice"}),
    (
        "columns_matrix",
        (("self.w[i].T @ delta", "(self.w[i].T if i > 1 else self.w[i]) @ delta"),),
        {"weights-not-transposed"},
    ),
]
SCALARS: list[Fault] = [
    ("scalars_loop", (("    for p in n.parameters():\n        p.grad = 0.0\n", ""),), {"never-reset"}),
    ("scalars_loop", (("p.data += -0.1 * p.grad", "p.data += 0.1 * p.grad"),), {"sign-flipped"}),
    (
        "scalars_loop",
        (("self.grad += (1 - t**2) * out.grad", "self.grad += out.grad"),),
        {"activation-derivative-missing"},
    ),
    (
        "scalars_module",
        (("self.grad += (out.data > 0) * out.grad", "self.grad += out.grad"),),
        {"activation-derivative-missing"},
    ),
    (
        "scalars_module",
        (
            (
                "self.grad += (other * self.data ** (other - 1)) * out.grad",
                "self.grad += (self.data ** (other - 1)) * out.grad",
            ),
        ),
        {"constant-factor"},
    ),
    ("scalars_sigmoid", (("(s * (1 - s),)", "(self.data * (1 - self.data),)"),), {"derivative-fed-input"}),
    ("scalars_sigmoid", (("(o.data, self.data))", "(self.data, o.data))"),), {"unnamed"}),
    ("scalars_module", (("other.grad += self.data * out.grad", "other.grad = self.data * out.grad"),), {"unnamed"}),
]
SCRIPT: list[Fault] = [
    ("script_adam", ((" * np.where(z1 > 0, 1, 0.01)", ""),), {"activation-derivative-missing"}),
    ("script_adam", (("dz2 = (p - y) / len(x)", "dz2 = (p - y) / len(x) ** 2"),), {"averaged-twice"}),
    (
        "script_softmax",
        (("dscores /= num_examples", "dscores /= num_examples\n    dscores /= num_examples"),),
        {"averaged-twice"},
    ),
    ("script_softmax", (("    dscores /= num_examples\n", ""),), {"summed"}),
    ("script_softmax", (("    dhidden[hidden <= 0] = 0\n", ""),), {"activation-derivative-missing"}),
    ("script_softmax", (("W1 += -step_size * dW1", "W1 += step_size * dW1"),), {"sign-flipped"}),
    ("script_softmax", (("    W1 += -step_size * dW1\n    b1 += -step_size * db1\n", ""),), {"never-updated"}),
    (
        "script_xor",
        (("sigmoid_derivative(hidden_layer_output)", "sigmoid_derivative(hidden_layer_activation)"),),
        {"derivative-fed-input"},
    ),
    (
        "script_xor",
        (("error_hidden_layer * sigmoid_derivative(hidden_layer_output)", "error_hidden_layer"),),
        {"activation-derivative-missing"},
    ),
    (
        "script_xor",
        (("error = expected_output - predicted_output", "error = predicted_output - expected_output"),),
        {"sign-flipped"},
    ),
    (
        "script_batches",
        (
            ("da2 = W3.T @ dz3", "W3 -= lr * dW3\n        da2 = W3.T @ dz3"),
            (
                "(W1, b1, W2, b2, W3, b3), (dW1, db1, dW2, db2, dW3, db3)",
                "(W1, b1, W2, b2, b3), (dW1, db1, dW2, db2, db3)",
            ),
        ),
        {"updated-too-early"},
    ),
    ("script_batches", (("da1 = W2.T @ dz2", "da1 = W2 @ dz2"),), {"weights-not-transposed"}),
    ("script_batches", (("dz3 = (probs - yb) / m", "dz3 = probs * (probs - yb) / m"),), {"unnamed"}),
    ("script_function", (("grad_out = 2 * (y_pred - Y)", "grad_out = 2 * (Y - y_pred)"),), {"sign-flipped"}),
    ("script_function", ((" * (1 - hidden_out**2)", ""),), {"activation-derivative-missing"}),
]


ALL = DICTIONARIES + PAIRS + COLUMNS + SCALARS + SCRIPT


@pytest.mark.parametrize(("name", "edits", "codes"), quick_first(ALL, lambda c: c[0], lambda c: frozenset(c[2])))
def test_a_planted_mistake_is_named_and_nothing_else(name: str, edits: Edits, codes: set[str], tmp_path: Path) -> None:
    _, diagnosis = judged(edited(name, edits, tmp_path))
    found = {finding.code for finding in diagnosis.findings if finding.severity == "error"}
    assert codes <= {finding.code for finding in diagnosis.findings}
    assert found <= codes


def test_a_loop_that_tells_no_loss_may_follow_another_one(tmp_path: Path) -> None:
    # Without the derivative of the output it is the gradient of cross-entropy: right, as no other loss is claimed.
    reading, diagnosis = judged(
        edited("script_xor", (("error * sigmoid_derivative(predicted_output)", "error"),), tmp_path)
    )
    assert diagnosis.ok
    assert diagnosis.identity is not None
    assert diagnosis.identity.loss == "binary cross-entropy"
    assert "none reported" in reading.facts["loss"]
