# one picture at a time, vectors instead of matrices
import numpy as np
from sklearn.datasets import load_digits


class Perceptron:
    def __init__(self, inputs=64, hidden=24, outputs=10):
        self.w1 = np.random.normal(0.0, pow(inputs, -0.5), (hidden, inputs))
        self.w2 = np.random.normal(0.0, pow(hidden, -0.5), (outputs, hidden))
        self.activation = lambda x: 1 / (1 + np.exp(-x))

    def query(self, inputs_list):
        inputs = np.array(inputs_list, ndmin=2).T
        hidden = self.activation(np.dot(self.w1, inputs))
        return self.activation(np.dot(self.w2, hidden))

    def train(self, inputs_list, targets_list, lr):
        inputs = np.array(inputs_list, ndmin=2).T
        targets = np.array(targets_list, ndmin=2).T

        hidden_outputs = self.activation(np.dot(self.w1, inputs))
        final_outputs = self.activation(np.dot(self.w2, hidden_outputs))

        output_errors = targets - final_outputs
        hidden_errors = np.dot(self.w2.T, output_errors * final_outputs * (1 - final_outputs))

        self.w2 += lr * np.dot(output_errors * final_outputs * (1.0 - final_outputs), hidden_outputs.T)
        self.w1 += lr * np.dot(hidden_errors * hidden_outputs * (1.0 - hidden_outputs), inputs.T)

    def loss(self, inputs_list, targets_list):
        return 0.5 * np.sum((self.query(inputs_list) - np.array(targets_list, ndmin=2).T) ** 2)


if __name__ == "__main__":
    np.random.seed(3)
    digits = load_digits()
    n = int(len(digits.data) * 0.8)
    net = Perceptron()
    for epoch in range(12):
        for record, label in zip(digits.data[:n], digits.target[:n]):
            targets = np.zeros(10) + 0.01
            targets[label] = 0.99
            net.train(record / 16 * 0.99 + 0.01, targets, 0.3)
    right = [np.argmax(net.query(r / 16 * 0.99 + 0.01)) == t for r, t in zip(digits.data[n:], digits.target[n:])]
    print("performance (accuracy) =", np.mean(right))
