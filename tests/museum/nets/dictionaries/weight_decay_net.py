# coding: utf-8
import numpy as np
from collections import OrderedDict
from dataset.mnist import load_mnist


class Sigmoid:
    def __init__(self):
        self.out = None

    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, dout):
        return dout * (1.0 - self.out) * self.out


class Affine:
    def __init__(self, W, b):
        self.W = W
        self.b = b

    def forward(self, x):
        self.x = x
        return np.dot(self.x, self.W) + self.b

    def backward(self, dout):
        dx = np.dot(dout, self.W.T)
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return dx


class SoftmaxWithLoss:
    def forward(self, x, t):
        self.t = t
        x = x - x.max(axis=1, keepdims=True)
        self.y = np.exp(x)
        self.y /= self.y.sum(axis=1, keepdims=True)
        return -np.sum(t * np.log(self.y + 1e-7)) / t.shape[0]

    def backward(self, dout=1):
        return (self.y - self.t) / self.t.shape[0]


class MultiLayerNet:
    """weight_decay_lambda: 가중치 감소(L2)의 세기"""

    def __init__(self, input_size, hidden_size_list, output_size, weight_decay_lambda=0.001):
        self.weight_decay_lambda = weight_decay_lambda
        self.sizes = [input_size] + hidden_size_list + [output_size]
        self.hidden_layer_num = len(hidden_size_list)
        self.params = {}
        for i in range(1, len(self.sizes)):
            scale = np.sqrt(1.0 / self.sizes[i - 1])  # Xavier
            self.params['W%d' % i] = scale * np.random.randn(self.sizes[i - 1], self.sizes[i])
            self.params['b%d' % i] = np.zeros(self.sizes[i])
        self.layers = OrderedDict()
        for i in range(1, self.hidden_layer_num + 1):
            self.layers['Affine%d' % i] = Affine(self.params['W%d' % i], self.params['b%d' % i])
            self.layers['Activation%d' % i] = Sigmoid()
        last = self.hidden_layer_num + 1
        self.layers['Affine%d' % last] = Affine(self.params['W%d' % last], self.params['b%d' % last])
        self.last_layer = SoftmaxWithLoss()

    def predict(self, x):
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def loss(self, x, t):
        weight_decay = 0
        for i in range(1, self.hidden_layer_num + 2):
            W = self.params['W%d' % i]
            weight_decay += 0.5 * self.weight_decay_lambda * np.sum(W ** 2)
        return self.last_layer.forward(self.predict(x), t) + weight_decay

    def gradient(self, x, t):
        self.loss(x, t)
        dout = self.last_layer.backward(1)
        for layer in list(self.layers.values())[::-1]:
            dout = layer.backward(dout)
        grads = {}
        for i in range(1, self.hidden_layer_num + 2):
            layer = self.layers['Affine%d' % i]
            grads['W%d' % i] = layer.dW + self.weight_decay_lambda * layer.W
            grads['b%d' % i] = layer.db
        return grads


np.random.seed(0)
network = MultiLayerNet(784, [70], 10)

if __name__ == '__main__':
    (x_train, t_train), (x_test, t_test) = load_mnist(one_hot_label=True)
    for i in range(800):
        rows = np.random.choice(len(x_train), 40)
        grads = network.gradient(x_train[rows], t_train[rows])
        for key in network.params:
            network.params[key] -= 0.5 * grads[key]
    accuracy = np.mean(network.predict(x_test).argmax(axis=1) == t_test.argmax(axis=1))
    print('accuracy', accuracy)
