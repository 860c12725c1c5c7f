"""Sigmoids and a mean squared error that the training method only prints; names in words, fixed learning rate default."""
# ruff: noqa - written as strangers write

import numpy as np


class SimpleNet:
    def __init__(self, inputnodes, hiddennodes, outputnodes, learningrate):
        self.inodes = inputnodes
        self.hnodes = hiddennodes
        self.onodes = outputnodes
        self.lr = learningrate
        self.weights_input_hidden = np.random.normal(0.0, pow(self.inodes, -0.5), (self.inodes, self.hnodes))
        self.weights_hidden_output = np.random.normal(0.0, pow(self.hnodes, -0.5), (self.hnodes, self.onodes))

    def activation(self, x):
        return 1.0 / (1.0 + np.exp(-x))

    def query(self, inputs):
        hidden = self.activation(np.dot(inputs, self.weights_input_hidden))
        return self.activation(np.dot(hidden, self.weights_hidden_output))

    def train(self, inputs, targets):
        hidden_outputs = self.activation(np.dot(inputs, self.weights_input_hidden))
        final_outputs = self.activation(np.dot(hidden_outputs, self.weights_hidden_output))

        output_errors = targets - final_outputs
        mse = np.mean(np.square(output_errors))
        output_delta = output_errors * final_outputs * (1.0 - final_outputs)
        hidden_errors = np.dot(output_delta, self.weights_hidden_output.T)
        hidden_delta = hidden_errors * hidden_outputs * (1.0 - hidden_outputs)

        self.weights_hidden_output += self.lr * np.dot(hidden_outputs.T, output_delta)
        self.weights_input_hidden += self.lr * np.dot(inputs.T, hidden_delta)
        return mse


n = SimpleNet(784, 100, 10, 0.1)

if __name__ == "__main__":
    for epoch in range(5):
        for i in range(100):
            batch = np.random.rand(1, 784)
            target = np.eye(10)[[np.random.randint(10)]]
            print(n.train(batch, target))
