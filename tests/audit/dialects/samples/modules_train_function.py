"""A model with named attributes, softmax as a layer, and a training function that feeds y_pred - y."""
# ruff: noqa - written as strangers write

import numpy as np


class Dense:
    def __init__(self, n_in, n_out):
        self.weights = np.random.randn(n_in, n_out).astype(np.float32) * 0.1
        self.bias = np.zeros((1, n_out), dtype=np.float32)

    def forward(self, inputs):
        self.inputs = inputs
        return np.dot(inputs, self.weights) + self.bias

    def backward(self, grad_output):
        m = self.inputs.shape[0]
        self.grad_weights = np.dot(self.inputs.T, grad_output) / m
        self.grad_bias = np.sum(grad_output, axis=0, keepdims=True) / m
        return np.dot(grad_output, self.weights.T)


class Sigmoid:
    def forward(self, z):
        self.a = 1.0 / (1.0 + np.exp(-z))
        return self.a

    def backward(self, grad_output):
        return grad_output * self.a * (1.0 - self.a)


class Softmax:
    def forward(self, z):
        e = np.exp(z - np.max(z, axis=1, keepdims=True))
        return e / np.sum(e, axis=1, keepdims=True)

    def backward(self, grad_output):
        # combined with cross entropy: the gradient passes as it is
        return grad_output


class MLP:
    def __init__(self, input_size, hidden_size, output_size):
        self.fc1 = Dense(input_size, hidden_size)
        self.act1 = Sigmoid()
        self.fc2 = Dense(hidden_size, output_size)
        self.softmax = Softmax()

    def forward(self, x):
        out = self.fc1.forward(x)
        out = self.act1.forward(out)
        out = self.fc2.forward(out)
        return self.softmax.forward(out)

    def backward(self, grad):
        grad = self.softmax.backward(grad)
        grad = self.fc2.backward(grad)
        grad = self.act1.backward(grad)
        self.fc1.backward(grad)


cross_entropy = lambda y_true, y_pred: -np.sum(y_true * np.log(y_pred + 1e-9)) / len(y_true)


def update(model, lr):
    for layer in (model.fc1, model.fc2):
        layer.weights -= lr * layer.grad_weights
        layer.bias -= lr * layer.grad_bias


def train(model, X_train, y_train, epochs=10, batch_size=32, learning_rate=0.1):
    history = []
    for epoch in range(epochs):
        idx = np.random.permutation(len(X_train))
        for i in range(0, len(X_train), batch_size):
            xb = X_train[idx[i : i + batch_size]]
            yb = y_train[idx[i : i + batch_size]]
            y_pred = model.forward(xb)
            loss = cross_entropy(yb, y_pred)
            model.backward(y_pred - yb)
            update(model, learning_rate)
        history.append(loss)
        print(f"Epoch {epoch + 1}/{epochs} loss {loss:.4f}")
    return history


def main():
    X = np.random.rand(500, 784)
    Y = np.eye(10)[np.random.randint(0, 10, 500)]
    model = MLP(784, 128, 10)
    train(model, X, Y)


if __name__ == "__main__":
    main()
