"""Three named layers; train goes through a loader that somebody else makes, and main() is somewhere else."""
# ruff: noqa - written as strangers write

import numpy as np


class LinearLayer:
    def __init__(self, input_size, output_size):
        self.W = np.random.randn(input_size, output_size) * np.sqrt(2.0 / input_size)
        self.b = np.zeros(output_size)

    def forward(self, x):
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, dout):
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return np.dot(dout, self.W.T)


class ReLU:
    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dout[self.mask] = 0
        return dout


class SoftMax:
    def forward(self, x):
        exp_x = np.exp(x - np.max(x, axis=1, keepdims=True))
        self.out = exp_x / np.sum(exp_x, axis=1, keepdims=True)
        return self.out

    def backward(self, dout):
        return dout


def cross_entropy_loss(y_pred, y_true):
    batch_size = y_pred.shape[0]
    y_pred = np.clip(y_pred, 1e-12, 1.0)
    return -np.sum(np.log(y_pred[np.arange(batch_size), y_true])) / batch_size


class ThreeLayerNet:
    def __init__(self, input_size=784, hidden1_size=128, hidden2_size=64, output_size=10):
        self.layer1 = LinearLayer(input_size, hidden1_size)
        self.relu1 = ReLU()
        self.layer2 = LinearLayer(hidden1_size, hidden2_size)
        self.relu2 = ReLU()
        self.layer3 = LinearLayer(hidden2_size, output_size)
        self.softmax = SoftMax()
        self.train_losses = []
        self.test_losses = []

    def forward(self, x):
        out = self.layer1.forward(x)
        out = self.relu1.forward(out)
        out = self.layer2.forward(out)
        out = self.relu2.forward(out)
        out = self.layer3.forward(out)
        return self.softmax.forward(out)

    def backward(self, dout):
        dout = self.softmax.backward(dout)
        dout = self.layer3.backward(dout)
        dout = self.relu2.backward(dout)
        dout = self.layer2.backward(dout)
        dout = self.relu1.backward(dout)
        dout = self.layer1.backward(dout)

    def update_weights(self, learning_rate):
        for l in (self.layer1, self.layer2, self.layer3):
            l.W -= learning_rate * l.dW
            l.b -= learning_rate * l.db

    def train(self, train_loader, test_loader, epochs=50, learning_rate=0.01):
        for epoch in range(epochs):
            train_loss = 0
            train_batches = 0
            for batch_images, batch_labels in train_loader:
                batch_images = batch_images.reshape(batch_images.shape[0], -1)
                y_pred = self.forward(batch_images)
                loss = cross_entropy_loss(y_pred, batch_labels)
                train_loss += loss
                train_batches += 1
                dout = y_pred.copy()
                dout[np.arange(len(batch_labels)), batch_labels] -= 1
                dout /= len(batch_labels)
                self.backward(dout)
                self.update_weights(learning_rate)
            avg = train_loss / train_batches
            self.train_losses.append(avg)
            print(avg)


if __name__ == "__main__":
    main()
