"""The last row of each matrix is the bias: a one is put beside every input."""
import numpy as np


def beside(a):
    return np.hstack([a, np.ones((len(a), 1))])


class Machine:
    def __init__(self, widths):
        rng = np.random.default_rng(4)
        self.matrices = [0.3 * rng.standard_normal((n + 1, m)) for n, m in zip(widths[:-1], widths[1:])]

    def run(self, rows):
        self.seen = []
        for matrix in self.matrices:
            rows = beside(rows)
            self.seen.append(rows)
            rows = np.tanh(rows @ matrix)
        self.out = rows
        return rows

    def cost(self, wanted):
        return 0.5 * np.sum((self.out - wanted) ** 2) / len(wanted)

    def step(self, inputs, targets, eta):
        self.run(inputs)
        delta = (self.out - targets) / len(targets) * (1 - self.out**2)
        moves = []
        for matrix, seen in zip(self.matrices[::-1], self.seen[::-1]):
            moves.append(seen.T @ delta)
            delta = (delta @ matrix[:-1].T) * (1 - seen[:, :-1] ** 2)
        for matrix, move in zip(self.matrices, moves[::-1]):
            matrix -= eta * move
        return self.cost(targets)


machine = Machine([11, 7, 5])
