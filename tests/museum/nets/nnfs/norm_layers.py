import numpy as np
from keras.datasets import mnist

# Layers keep output / dinputs; batch normalization after the dense layer; RMSprop.


class Layer_Dense:
    def __init__(self, n_inputs, n_neurons):
        self.weights = np.random.randn(n_inputs, n_neurons) * np.sqrt(2 / n_inputs)
        self.biases = np.zeros((1, n_neurons))

    def forward(self, inputs, training):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = np.dot(dvalues, self.weights.T)


class Layer_BatchNorm:
    def __init__(self, n_neurons, momentum=0.9, epsilon=1e-5):
        self.weights = np.ones((1, n_neurons))    # gamma
        self.biases = np.zeros((1, n_neurons))    # beta
        self.momentum = momentum
        self.epsilon = epsilon
        self.running_mean = np.zeros((1, n_neurons))
        self.running_var = np.ones((1, n_neurons))

    def forward(self, inputs, training):
        if training:
            mean = np.mean(inputs, axis=0, keepdims=True)
            var = np.var(inputs, axis=0, keepdims=True)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        else:
            mean, var = self.running_mean, self.running_var
        self.std_inv = 1 / np.sqrt(var + self.epsilon)
        self.normalized = (inputs - mean) * self.std_inv
        self.output = self.weights * self.normalized + self.biases

    def backward(self, dvalues):
        samples = len(dvalues)
        self.dweights = np.sum(dvalues * self.normalized, axis=0, keepdims=True)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        dnormalized = dvalues * self.weights
        self.dinputs = self.std_inv / samples * (
            samples * dnormalized
            - np.sum(dnormalized, axis=0, keepdims=True)
            - self.normalized * np.sum(dnormalized * self.normalized, axis=0, keepdims=True))


class Activation_ReLU:
    def forward(self, inputs, training):
        self.inputs = inputs
        self.output = np.maximum(0, inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues * (self.inputs > 0)


class Activation_Softmax_Loss:
    def forward(self, inputs, y_true):
        exp_values = np.exp(inputs - np.max(inputs, axis=1, keepdims=True))
        self.output = exp_values / np.sum(exp_values, axis=1, keepdims=True)
        return -np.mean(np.log(self.output[range(len(y_true)), y_true] + 1e-10))

    def backward(self, y_true):
        self.dinputs = self.output.copy()
        self.dinputs[range(len(y_true)), y_true] -= 1
        self.dinputs /= len(y_true)


class Optimizer_RMSprop:
    def __init__(self, learning_rate=0.001, epsilon=1e-7, rho=0.9):
        self.learning_rate = learning_rate
        self.epsilon = epsilon
        self.rho = rho

    def update_params(self, layer):
        if not hasattr(layer, 'weight_cache'):
            layer.weight_cache = np.zeros_like(layer.weights)
            layer.bias_cache = np.zeros_like(layer.biases)
        layer.weight_cache = self.rho * layer.weight_cache + (1 - self.rho) * layer.dweights ** 2
        layer.bias_cache = self.rho * layer.bias_cache + (1 - self.rho) * layer.dbiases ** 2
        layer.weights -= self.learning_rate * layer.dweights / (np.sqrt(layer.weight_cache) + self.epsilon)
        layer.biases -= self.learning_rate * layer.dbiases / (np.sqrt(layer.bias_cache) + self.epsilon)


class Model:
    def __init__(self, layers, loss, optimizer):
        self.layers = layers
        self.loss = loss
        self.optimizer = optimizer

    def forward(self, X, training):
        for layer in self.layers:
            layer.forward(X, training)
            X = layer.output
        return X

    def backward(self, y):
        self.loss.backward(y)
        dinputs = self.loss.dinputs
        for layer in reversed(self.layers):
            layer.backward(dinputs)
            dinputs = layer.dinputs

    def train_on_batch(self, X, y):
        loss = self.loss.forward(self.forward(X, True), y)
        self.backward(y)
        for layer in self.layers:
            if hasattr(layer, 'weights'):
                self.optimizer.update_params(layer)
        return loss


np.random.seed(0)
model = Model([Layer_Dense(784, 64), Layer_BatchNorm(64), Activation_ReLU(), Layer_Dense(64, 10)],
              Activation_Softmax_Loss(), Optimizer_RMSprop())

if __name__ == '__main__':
    (X, y), (X_test, y_test) = mnist.load_data()
    X, X_test = X.reshape(-1, 784) / 255, X_test.reshape(-1, 784) / 255
    for epoch in range(6):
        order = np.random.permutation(len(X))
        for i in range(0, len(X), 50):
            loss = model.train_on_batch(X[order[i:i + 50]], y[order[i:i + 50]])
        print('epoch', epoch, 'loss', loss)
    print('accuracy', np.mean(np.argmax(model.forward(X_test, False), axis=1) == y_test))
