import numpy as np
from keras.datasets import mnist


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def softmax(z):
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


class NeuralNetwork:
    """784 -> 64 -> 64 -> 10"""

    def __init__(self, n_input=784, n_hidden=64, n_output=10, seed=0):
        rng = np.random.RandomState(seed)
        self.W1 = rng.randn(n_input, n_hidden) / np.sqrt(n_input)
        self.b1 = np.zeros((1, n_hidden))
        self.W2 = rng.randn(n_hidden, n_hidden) / np.sqrt(n_hidden)
        self.b2 = np.zeros((1, n_hidden))
        self.W3 = rng.randn(n_hidden, n_output) / np.sqrt(n_hidden)
        self.b3 = np.zeros((1, n_output))

    def forward(self, X):
        self.X = X
        self.z1 = X.dot(self.W1) + self.b1
        self.a1 = sigmoid(self.z1)
        self.z2 = self.a1.dot(self.W2) + self.b2
        self.a2 = sigmoid(self.z2)
        self.z3 = self.a2.dot(self.W3) + self.b3
        self.a3 = softmax(self.z3)
        return self.a3

    def loss(self, Y):
        m = Y.shape[0]
        return -np.sum(Y * np.log(self.a3 + 1e-10)) / m

    def backward(self, Y):
        m = Y.shape[0]
        d3 = (self.a3 - Y) / m
        self.dW3 = self.a2.T.dot(d3)
        self.db3 = np.sum(d3, axis=0, keepdims=True)
        d2 = d3.dot(self.W3.T) * self.a2 * (1 - self.a2)
        self.dW2 = self.a1.T.dot(d2)
        self.db2 = np.sum(d2, axis=0, keepdims=True)
        d1 = d2.dot(self.W2.T) * self.a1 * (1 - self.a1)
        self.dW1 = self.X.T.dot(d1)
        self.db1 = np.sum(d1, axis=0, keepdims=True)

    def update(self, lr):
        self.W1 -= lr * self.dW1
        self.b1 -= lr * self.db1
        self.W2 -= lr * self.dW2
        self.b2 -= lr * self.db2
        self.W3 -= lr * self.dW3
        self.b3 -= lr * self.db3

    def predict(self, X):
        return np.argmax(self.forward(X), axis=1)


def train(net, X, Y, X_val, y_val, epochs=25, batch_size=20, lr=1.0):
    n = X.shape[0]
    for epoch in range(epochs):
        permutation = np.random.permutation(n)
        X, Y = X[permutation], Y[permutation]
        for i in range(0, n, batch_size):
            X_batch, Y_batch = X[i:i + batch_size], Y[i:i + batch_size]
            net.forward(X_batch)
            loss = net.loss(Y_batch)
            net.backward(Y_batch)
            net.update(lr)
        acc = np.mean(net.predict(X_val) == y_val)
        print("Epoch {}: loss={:.4f} val_acc={:.4f}".format(epoch + 1, loss, acc))


if __name__ == "__main__":
    (X_train, y_train), (X_test, y_test) = mnist.load_data()
    X_train = X_train.reshape(-1, 784).astype("float64") / 255.0
    X_test = X_test.reshape(-1, 784).astype("float64") / 255.0
    Y_train = np.eye(10)[y_train]
    net = NeuralNetwork()
    train(net, X_train, Y_train, X_test, y_test)
