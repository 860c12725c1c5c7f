import numpy as np
from keras.datasets import mnist

# The bias is the last column of each weight matrix; every layer gets a row of ones.


def add_ones(A):
    return np.vstack([A, np.ones((1, A.shape[1]))])


def logistic(Z):
    return 1 / (1 + np.exp(-Z))


class Network:
    def __init__(self, sizes, seed=1):
        rng = np.random.RandomState(seed)
        self.weights = [rng.randn(m, n + 1) / np.sqrt(n + 1) for n, m in zip(sizes[:-1], sizes[1:])]

    def forward(self, X):
        self.inputs = []
        A = X
        for W in self.weights:
            A = add_ones(A)
            self.inputs.append(A)
            A = logistic(W @ A)
        self.output = A
        return A

    def cost(self, Y):
        return np.mean((self.output - Y) ** 2)

    def backprop(self, Y):
        delta = 2 * (self.output - Y) / Y.size * self.output * (1 - self.output)
        gradients = []
        for W, A in zip(reversed(self.weights), reversed(self.inputs)):
            gradients.insert(0, delta @ A.T)
            below = A[:-1]
            delta = (W[:, :-1].T @ delta) * below * (1 - below)
        return gradients

    def step(self, X, Y, eta):
        self.forward(X)
        for W, G in zip(self.weights, self.backprop(Y)):
            W -= eta * G
        return self.cost(Y)


net = Network([784, 36, 10])

if __name__ == "__main__":
    (images, labels), (test_images, test_labels) = mnist.load_data()
    X = images.reshape(-1, 784).T / 255
    Y = np.eye(10)[labels].T
    for epoch in range(25):
        order = np.random.permutation(X.shape[1])
        for i in range(0, len(order), 20):
            c = net.step(X[:, order[i:i + 20]], Y[:, order[i:i + 20]], 15.0)
        print("epoch", epoch, "cost", c)
    print("accuracy", np.mean(net.forward(test_images.reshape(-1, 784).T / 255).argmax(axis=0) == test_labels))
