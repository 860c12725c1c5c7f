"""Little scripts in the nine dialects in which people write a network by hand, with data, training and plots as usual.

`BUILT` names for each what must be there after reading it, and `HELD` what must not.
"""

from __future__ import annotations

MODULES = '''
"""A network on MNIST, from scratch."""
import gzip
import numpy as np
import matplotlib.pyplot as plt
from tqdm import tqdm
%(magic)s

class Linear:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out) * np.sqrt(2 / n_in)
        self.b = np.zeros(n_out)
        self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW[...] = self.x.T @ dout
        self.db[...] = dout.sum(axis=0)
        return dout @ self.W.T

    def parameters(self):
        return [(self.W, self.dW), (self.b, self.db)]


class ReLU:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask

    def parameters(self):
        return []


class MLP:
    def __init__(self, *sizes):
        self.layers = []
        for i in range(len(sizes) - 1):
            self.layers += [Linear(sizes[i], sizes[i + 1]), ReLU()]
        self.layers.pop()

    def __call__(self, x):
        return self.forward(x)

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout):
        for layer in reversed(self.layers):
            dout = layer.backward(dout)

    def parameters(self):
        return [pair for layer in self.layers for pair in layer.parameters()]


class SoftmaxCrossEntropy:
    def __call__(self, z, y):
        p = np.exp(z - z.max(axis=1, keepdims=True))
        self.p, self.y = p / p.sum(axis=1, keepdims=True), y
        return -np.log(self.p[np.arange(len(y)), y]).mean()

    def backward(self):
        d = self.p.copy()
        d[np.arange(len(self.y)), self.y] -= 1
        return d / len(self.y)


class SGD:
    def __init__(self, parameters, lr):
        self.parameters, self.lr = parameters, lr

    def step(self):
        for w, dw in self.parameters:
            w -= self.lr * dw


def load_images(path):
    with gzip.open(path) as f:
        return np.frombuffer(f.read(), np.uint8, offset=16).reshape(-1, 784) / 255.0


np.random.seed(42)
x_train = load_images("train-images-idx3-ubyte.gz")
y_train = load_labels("train-labels-idx1-ubyte.gz")
x_val = x_train[:1000]
model = MLP(784, 128, 10)
criterion = SoftmaxCrossEntropy()
optimizer = SGD(model.parameters(), lr=0.1)
EPOCHS, batch_size = 10, 64
losses = []
for epoch in tqdm(range(EPOCHS)):
    for i in range(0, len(x_train), batch_size):
        loss = criterion(model(x_train[i:i + batch_size]), y_train[i:i + batch_size])
        model.backward(criterion.backward())
        optimizer.step()
    losses.append(loss)
    print(f"{epoch}: {loss}")
accuracy = np.mean(np.argmax(model(x_val), axis=1) == y_train[:1000])
plt.plot(losses)
plt.show()
'''

UNROLLED = """
import numpy as np, pandas as pd

def sigmoid(x):
    return 1 / (1 + np.exp(-x))

class Network(object):
    def __init__(self, lr=0.1):
        self.layer1 = np.random.randn(784, 128) * 0.01
        self.layer2 = np.random.randn(128, 10) * 0.01
        self.lr = lr

    def predict(self, x):
        self.x = x
        self.h = sigmoid(x @ self.layer1)
        self.y = sigmoid(self.h @ self.layer2)
        return self.y

    def backward(self, error):
        d2 = error * self.y * (1 - self.y)
        d1 = d2 @ self.layer2.T * self.h * (1 - self.h)
        self.g1, self.g2 = self.x.T @ d1, self.h.T @ d2

    def update(self, lr):
        self.layer1 -= lr * self.g1
        self.layer2 -= lr * self.g2

def train(net, x, t, epochs=2):
    for e in range(epochs):
        y = net.predict(x)
        net.backward(y - t)
        net.update(0.1)

if __name__ == "__main__":
    data = pd.read_csv("mnist_train.csv").values
    images, labels = data[:, 1:] / 255, np.eye(10)[data[:, 0]]
    net = Network(lr=0.1)
    train(net, images, labels)
    print("done")
"""

DICTIONARIES = """
# coding: utf-8
import sys, os
sys.path.append(os.pardir)
import numpy as np
from dataset.mnist import load_mnist
from collections import OrderedDict

class TwoLayerNet:
    def __init__(self, input_size, hidden_size, output_size, weight_init_std=0.01):
        self.params = {}
        self.params['W1'] = weight_init_std * np.random.randn(input_size, hidden_size)
        self.params['b1'] = np.zeros(hidden_size)
        self.params['W2'] = weight_init_std * np.random.randn(hidden_size, output_size)
        self.params['b2'] = np.zeros(output_size)
        self.layers = OrderedDict()

    def loss(self, x, t):
        return np.mean((x @ self.params['W1'] @ self.params['W2'] - t) ** 2)

    def gradient(self, x, t):
        grads = {}
        for key in ('W1', 'b1', 'W2', 'b2'):
            grads[key] = np.zeros_like(self.params[key])
        return grads

(x_train, t_train), (x_test, t_test) = load_mnist(normalize=True, one_hot_label=True)
network = TwoLayerNet(input_size=784, hidden_size=50, output_size=10)
iters_num = 10000
train_size = x_train.shape[0]
batch_size = 100
learning_rate = 0.1
train_loss_list = []
for i in range(iters_num):
    batch_mask = np.random.choice(train_size, batch_size)
    grad = network.gradient(x_train[batch_mask], t_train[batch_mask])
    for key in ('W1', 'b1', 'W2', 'b2'):
        network.params[key] -= learning_rate * grad[key]
    train_loss_list.append(network.loss(x_batch, t_batch))
"""

FUNCTION_PAIRS = """
from builtins import range
from past.builtins import xrange
import numpy as np

def affine_forward(x, w, b):
    return x.reshape(len(x), -1).dot(w) + b, (x, w, b)

def affine_backward(dout, cache):
    x, w, b = cache
    return dout.dot(w.T).reshape(x.shape), x.reshape(len(x), -1).T.dot(dout), dout.sum(axis=0)

def svm_loss(x, y):
    loss = 0.0
    for i in xrange(len(x)):
        loss += x[i].sum()
    return loss, x

class FullyConnectedNet(object):
    def __init__(self, hidden_dims, input_dim=3072, num_classes=10, dtype=np.float32):
        self.params = {}
        dims = [input_dim] + hidden_dims + [num_classes]
        for i in range(len(dims) - 1):
            self.params['W%d' % (i + 1)] = np.random.randn(dims[i], dims[i + 1]).astype(dtype)
            self.params['b%d' % (i + 1)] = np.zeros(dims[i + 1], dtype=np.float)

    def loss(self, X, y=None):
        out, cache = affine_forward(X, self.params['W1'], self.params['b1'])
        return out

data = get_CIFAR10_data()
for k, v in list(data.items()):
    print(('%s: ' % k, v.shape))
model = FullyConnectedNet([100, 50], input_dim=784)
x = np.linspace(-0.1, 0.5, num=2 * 784).reshape(2, 784)
out, cache = affine_forward(x, model.params['W1'], model.params['b1'])
solver = Solver(model, data, num_epochs=10)
solver.train()
"""

COLUMNS = """
import random
import numpy as np
import mnist_loader

class Network(object):
    def __init__(self, sizes):
        self.num_layers = len(sizes)
        self.sizes = sizes
        self.biases = [np.random.randn(y, 1) for y in sizes[1:]]
        self.weights = [np.random.randn(y, x) for x, y in zip(sizes[:-1], sizes[1:])]

    def SGD(self, training_data, epochs, mini_batch_size, eta):
        for j in range(epochs):
            random.shuffle(training_data)

    def backprop(self, x, y):
        return [np.zeros(b.shape) for b in self.biases], [np.zeros(w.shape) for w in self.weights]

training_data, validation_data, test_data = mnist_loader.load_data_wrapper()
training_data = list(training_data)
net = Network([784, 30, 10])
net.SGD(training_data, 30, 10, 3.0, test_data=test_data)
"""

NNFS = """
import numpy as np
import nnfs
from nnfs.datasets import spiral_data

np.random.seed(0)

class Layer_Dense:
    def __init__(self, n_inputs, n_neurons, weight_regularizer_l2=0):
        self.weights = 0.01 * np.random.randn(n_inputs, n_neurons)
        self.biases = np.zeros((1, n_neurons))

    def forward(self, inputs, training):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = np.dot(dvalues, self.weights.T)

class Activation_ReLU:
    def forward(self, inputs, training):
        self.inputs = inputs
        self.output = np.maximum(0, inputs)

class Optimizer_Adam:
    def __init__(self, learning_rate=0.001, decay=0., epsilon=1e-7):
        self.learning_rate = learning_rate

class Model:
    def __init__(self):
        self.layers = []

    def add(self, layer):
        self.layers.append(layer)

    def set(self, *, loss=None, optimizer=None):
        self.optimizer = optimizer

    def finalize(self):
        self.trainable_layers = [layer for layer in self.layers if hasattr(layer, 'weights')]

    def train(self, X, y, *, epochs=1):
        for epoch in range(1, epochs + 1):
            pass

X, y = spiral_data(samples=100, classes=3)
dense1 = Layer_Dense(2, 64)
activation1 = Activation_ReLU()
model = Model()
model.add(Layer_Dense(784, 64, weight_regularizer_l2=5e-4))
model.add(Activation_ReLU())
model.add(Layer_Dense(64, 10))
model.set(optimizer=Optimizer_Adam(learning_rate=0.05, decay=5e-5))
model.finalize()
model.train(X, y, epochs=10000)
dense1.forward(X, True)
print(dense1.output[:5])
"""

CLOSURES = """
import numpy

def linear(W, b):
    def forward(X):
        def backward(dY):
            return dY @ W.T
        return X @ W + b, backward
    return forward

def relu():
    def forward(X):
        return numpy.maximum(X, 0), lambda dY: dY * (X > 0)
    return forward

def chain(*layers):
    def forward(X):
        backprops = []
        for layer in layers:
            X, backprop = layer(X)
            backprops.append(backprop)
        return X, backprops
    return forward

rng = numpy.random.default_rng()
W = rng.normal(size=(784, 10)) * 0.01
b = numpy.zeros(10)
activation = lambda x: x * (x > 0)
model = chain(linear(W, b), relu())
train_X, train_Y = ml_datasets.mnist()[0]
for i in range(100):
    Yh, backprop = model(train_X)
    W -= 0.001 * backprop(Yh - train_Y)
"""

SCALARS = """
import random
import math

class Value:
    def __init__(self, data, _children=(), _op=''):
        self.data = data
        self.grad = 0
        self._backward = lambda: None
        self._prev = set(_children)

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, (self, other), '+')

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, (self, other), '*')

    def backward(self):
        self.grad = 1

class Neuron:
    def __init__(self, nin):
        self.w = [Value(random.uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(0)

    def __call__(self, x):
        return sum((wi * xi for wi, xi in zip(self.w, x)), self.b)

    def parameters(self):
        return self.w + [self.b]

a = Value(2.0)
b = Value(-3.0)
c = a * b + Value(10.0)
c.backward()
xs = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5]]
ys = [1.0, -1.0]
n = Neuron(3)
ypred = [n(x) for x in xs]
for k in range(20):
    loss = sum((yout - ygt) * (yout - ygt) for ygt, yout in zip(ys, ypred))
    for p in n.parameters():
        p.data += -0.1 * p.grad
    print(k, loss.data)
"""

SCRIPT = """
import numpy as np
from sklearn.datasets import load_digits
import matplotlib.pyplot as plt

plt.style.use("ggplot")
np.random.seed(1)
X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
y = np.array([[0, 1, 1, 0]]).T
W1 = 2 * np.random.random((3, 4)) - 1
b1 = np.zeros((1, 4))
W2, b2 = 2 * np.random.random((4, 1)) - 1, np.zeros((1, 1))
W1 *= 0.5
sizes = [3, 4, 1]
weights = []
for i in range(len(sizes) - 1):
    weights.append(np.random.randn(sizes[i], sizes[i + 1]))
    print("layer", i)
params = {}
for l in range(1, 3):
    params['W' + str(l)] = np.random.randn(sizes[l - 1], sizes[l])
    params['b' + str(l)] = np.zeros(params['W' + str(l)].shape[1])
lr: float = 0.1
def sigmoid(x): return 1 / (1 + np.exp(-x))
def dsigmoid(s): return s * (1 - s)

digits = load_digits()
X_digits = digits.data / 16.0
for j in range(60000):
    l1 = sigmoid(np.dot(X, W1) + b1)
    l2 = sigmoid(np.dot(l1, W2) + b2)
    l2_delta = (y - l2) * dsigmoid(l2)
    l1_delta = l2_delta.dot(W2.T) * dsigmoid(l1)
    W2 += l1.T.dot(l2_delta)
    W1 += X.T.dot(l1_delta)
for j in range(100):
    W1 = W1 - lr * X.T.dot(l1_delta)
name = input("Your name? ")
assert l2.shape == (4, 1)
W1.shape
"""

SCRIPTS = {
    "modules": MODULES % {"magic": ""},
    "unrolled": UNROLLED,
    "dictionaries": DICTIONARIES,
    "function_pairs": FUNCTION_PAIRS,
    "columns": COLUMNS,
    "nnfs": NNFS,
    "closures": CLOSURES,
    "scalars": SCALARS,
    "script": SCRIPT,
}

# Names that reading must set, and to objects of which class; None where only being there counts.
BUILT: dict[str, dict[str, str | None]] = {
    "modules": {
        "model": "MLP", "criterion": "SoftmaxCrossEntropy", "optimizer": "SGD", "EPOCHS": "int", "batch_size": "int",
        "losses": "list", "load_images": "function", "ReLU": "type",
    },
    "unrolled": {"net": "Network", "train": "function", "sigmoid": "function"},
    "dictionaries": {"network": "TwoLayerNet", "iters_num": "int", "learning_rate": "float", "train_loss_list": "list"},
    "function_pairs": {"model": "FullyConnectedNet", "affine_backward": "function", "x": "ndarray"},
    "columns": {"net": "Network"},
    "nnfs": {"model": "Model", "dense1": "Layer_Dense", "activation1": "Activation_ReLU"},
    "closures": {"model": "function", "W": "ndarray", "b": "ndarray", "activation": "function"},
    "scalars": {"a": "Value", "n": "Neuron", "xs": "list"},
    "script": {
        "W1": "ndarray", "b1": "ndarray", "W2": "ndarray", "b2": "ndarray", "X": "ndarray", "y": "ndarray",
        "sizes": "list", "weights": "list", "params": "dict", "lr": "float", "sigmoid": "function",
    },
}  # fmt: skip
# Names that only data and training would set.
HELD = {
    "modules": {"x_train", "y_train", "x_val", "loss", "accuracy", "epoch"},
    "unrolled": {"data", "images", "labels"},
    "dictionaries": {"x_train", "t_test", "train_size", "grad", "batch_mask"},
    "function_pairs": {"data", "solver"},
    "columns": {"training_data", "test_data"},
    "nnfs": {"X", "y"},
    "closures": {"train_X", "Yh", "backprop"},
    "scalars": {"ypred", "loss", "k"},
    "script": {"digits", "X_digits", "l1", "l2_delta", "name", "j"},
}
MISSING = {"dictionaries": ["dataset"], "columns": ["mnist_loader"]}
