"""network with cross-entropy cost, L2 regularisation and momentum; whole mini-batches as matrices, one column a sample"""
import json
import sys

import numpy as np
import mnist_loader


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    s = sigmoid(z)
    return s * (1 - s)


class CrossEntropyCost(object):
    @staticmethod
    def fn(a, y):
        return np.sum(np.nan_to_num(-y * np.log(a) - (1 - y) * np.log(1 - a)))

    @staticmethod
    def delta(z, a, y):
        return (a - y)


class Network(object):
    def __init__(self, sizes, cost=CrossEntropyCost, lmbda=0.0005, mu=0.5):
        self.num_layers = len(sizes)
        self.sizes = sizes
        self.cost = cost
        self.lmbda = lmbda
        self.mu = mu
        self.biases = [np.random.randn(y, 1) for y in self.sizes[1:]]
        self.weights = [np.random.randn(y, x) / np.sqrt(x) for x, y in zip(self.sizes[:-1], self.sizes[1:])]
        self.velocity_b = [np.zeros(b.shape) for b in self.biases]
        self.velocity_w = [np.zeros(w.shape) for w in self.weights]

    def feedforward(self, a):
        for b, w in zip(self.biases, self.weights):
            a = sigmoid(np.dot(w, a) + b)
        return a

    def backprop(self, X, Y):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        a = X
        activations = [X]
        zs = []
        for b, w in zip(self.biases, self.weights):
            z = np.dot(w, a) + b
            zs.append(z)
            a = sigmoid(z)
            activations.append(a)
        n = X.shape[1]
        delta = self.cost.delta(zs[-1], activations[-1], Y) / n
        nabla_b[-1] = delta.sum(axis=1, keepdims=True)
        nabla_w[-1] = np.dot(delta, activations[-2].T)
        for l in range(2, self.num_layers):
            delta = np.dot(self.weights[-l + 1].T, delta) * sigmoid_prime(zs[-l])
            nabla_b[-l] = delta.sum(axis=1, keepdims=True)
            nabla_w[-l] = np.dot(delta, activations[-l - 1].T)
        for l in range(self.num_layers - 1):
            nabla_w[l] += self.lmbda * self.weights[l]
        return nabla_b, nabla_w

    def update_mini_batch(self, X, Y, eta):
        nabla_b, nabla_w = self.backprop(X, Y)
        for l in range(self.num_layers - 1):
            self.velocity_w[l] = self.mu * self.velocity_w[l] - eta * nabla_w[l]
            self.velocity_b[l] = self.mu * self.velocity_b[l] - eta * nabla_b[l]
            self.weights[l] += self.velocity_w[l]
            self.biases[l] += self.velocity_b[l]

    def total_cost(self, X, Y):
        cost = self.cost.fn(self.feedforward(X), Y) / X.shape[1]
        cost += 0.5 * self.lmbda * sum(np.linalg.norm(w) ** 2 for w in self.weights)
        return cost

    def SGD(self, X, Y, epochs, size, eta, test=None):
        n = X.shape[1]
        for j in range(epochs):
            order = np.random.permutation(n)
            for k in range(0, n, size):
                batch = order[k:k + size]
                self.update_mini_batch(X[:, batch], Y[:, batch], eta)
            print("Epoch %s cost %s" % (j, self.total_cost(X, Y)))
            if test is not None:
                print("Accuracy on test data: {} / {}".format(self.accuracy(*test), test[0].shape[1]))

    def accuracy(self, X, labels):
        return int(np.sum(np.argmax(self.feedforward(X), axis=0) == labels))

    def save(self, filename):
        with open(filename, "w") as f:
            json.dump({"sizes": self.sizes, "weights": [w.tolist() for w in self.weights]}, f)


np.random.seed(12)
net = Network([784, 40, 40, 10])

if __name__ == "__main__":
    training_data, _, test_data = mnist_loader.load_data_wrapper()
    training_data, test_data = list(training_data), list(test_data)
    X = np.hstack([x for x, _ in training_data])
    Y = np.hstack([y for _, y in training_data])
    X_test = np.hstack([x for x, _ in test_data])
    labels = np.array([y for _, y in test_data])
    net.SGD(X, Y, 12, 20, 0.5, test=(X_test, labels))
    net.save("net.json")
