"""Calling: what people call the same thing. A parameter named `Y_train`, `targets` or `labels` gets the labels.

A call is filled by the names of its parameters. What was meant is guessed here, what is right the numbers decide.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from types import FunctionType, MethodType
from typing import Any

# Role -> the names that stand for it, in lower case, without underscores and without words such as train or batch.
NAMES: dict[str, str] = {
    "x": "x xs xb bx xi inputs inp input inputdata inputvector inputarray inputlist inputslist data images image imgs"
    " img features feature samples sample a0 z0 xnew xmb a inputvalues d tensor vec v xdata xvalues instances"
    " observations datax entrada entradas datos dados",
    "y": "y ys yb by yi t ts tb targets target targetdata targetoutput targetoutputs targetlist targetslist"
    " labels label ytrue truey truth groundtruth gt expected desired true actual onehot yonehot onehoty onehotlabels"
    " labelsonehot yoh yenc yencoded ymb correct answers answer outputdata yreal realy yact ytarget"
    " salida salidas saida saidas esperado esperada esperados etiquetas outputs desiredoutput expectedoutput"
    " outputexpected yexpected truelabels truevalues ydata yvalues datay",
    "pred": "ypred ypreds predy pred preds prediction predictions predicted output outputs out yhat yhats hat"
    " probs prob probabilities p logits scores score ahat al o yprob ylogits yout youtput softmaxoutput"
    " finaloutput finaloutputs modeloutput netoutput networkoutput guess guesses yp y1 a2 a3 z activations"
    " activation estimate values a",
    "error": "error errors err dout dy grad grads gradoutput gradoutputs outputgradient outputgrad outgrad"
    " gradient delta deltas dvalues outputerror upstream upstreamgrad upstreamgradient dz dl da dloss"
    " dlogits dscores gradout gradloss lossgrad lossgradient dlossdout accumgrad dldy dldout dldoutput"
    " dpred dypred doutput doutputs e nextgrad lossderivative dprev dnext outputdelta eta_ dh do dx g"
    " grady delta_",
    "lr": "lr learningrate alpha eta stepsize rate learnrate lrate initiallr initiallearningrate lr0 baselr"
    " learningr lnrate lrinit learningratevalue step gradientstep descentstep learning learningspeed learningfactor"
    " learningconstant learningcoefficient tasaaprendizaje taxaaprendizado taxa tasa lernrate",
    "epochs": "epochs nepochs numepochs epoch nepoch numberofepochs maxepochs maxepoch totalepochs iterations"
    " numiterations niterations iters niters niter numiters numiter nbepochs maxiter maxiters"
    " maxiterations steps nsteps numsteps itersnum epochsnum nbepoch iter times numberofiterations"
    " numberepochs epocas epochen",
    "rows": "rows size bs bsize batchsz m nsamples numsamples n trainsize numtrain ntrain datasize numexamples"
    " nexamples numrows samplesize mbsize lote tamanholote tamanolote tamanodolote",
    "batches": "batches nbatches numbatches numberofbatches batchesperepoch stepsperepoch iterperepoch itersperepoch"
    " iterationsperepoch batchcount totalbatches nbatch numbatch batchnum maxbatch numminibatches"
    " batchespere",
    "model": "model net network nn mlp neuralnetwork neuralnet ann classifier modelo red rede redneuronal redeneural"
    " modele reseau modell netz",
    "layers": "layers network net model modules",
    "criterion": "criterion lossfn lossfunction loss cost lossfunc costfunction costfn lossobj losslayer lossfct"
    " objective lossf",
    "slope": "lossprime lossgrad lossderivative costderivative dloss costprime lossgradient lossbackward lossder",
    "optimizer": "optimizer optimiser optim opt sgd updater",
    "loader": "loader dataloader batches dataset set data minibatches generator iter dl",
    "params": "params parameters weights theta parameter",
    "gradients": "grads gradients grad gradient",
    "one": "printevery logevery printinterval loginterval displaystep interval every reportevery printstep evalevery",
    "false": "verbose shuffle plot show debug draw log printcost printloss earlystopping randomize verbosity",
    "true": "istrain trainable mode trainflg flag is",
    "penalty": "reg l2 lambda lambd lam lambdareg reglambda l2lambda l2reg weightdecay wd regularization regstrength"
    " lmbda l2strength weightdecaylambda regularizationstrength regparam l2penalty regrate",
    "decay": "decay",  # of the weights or of the learning rate: what a function has as its default says more
    "zero": "weightregularizerl2 biasregularizerl2 weightregularizerl1 biasregularizerl1 regularizer lrdecay"
    " learningratedecay decayrate dropout dropoutrate dropprob pdrop dropoutprob dropoutratio l1 l1reg seed randomseed"
    " randomstate",
    "rng": "rng generator randomgenerator rnd prng randstate",
    "keep": "keepprob keeprate keep pkeep",
}
# Strengths of a penalty that a function asks for, large enough to be seen in a loss and its gradients.
STRENGTHS = {"penalty": 0.01, "decay": 0.01}
_LOOK_UP: dict[str, list[str]] = {}
for _role, _names in NAMES.items():
    for _name in _names.split():
        _LOOK_UP.setdefault(_name, []).append(_role)


def _listed(text: str) -> list[str]:
    return text.split()


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """Lower case, no underscores: `Y_true` and `yTrue_` are one name."""
    return name.replace("_", "").lower()


# What methods and functions are called, the clearer names first; case and underscores count for nothing.
FORWARD = _listed("""
    forward __call__ forward_pass feedforward forward_prop forward_propagation forward_propagate fwd
    predict_proba forward_propogation fprop f_prop propagate_forward prop_forward predict run propagate think query
    begin_update feed
""")
BACKWARD = _listed("""
    backward backprop backpropagation back_propagation backward_pass back_prop backpropagate backward_prop
    backward_propagation bprop b_prop bwd backward_propagate backpropogate backpropogation propagate_backward back
    propagate_back gradient gradients compute_gradients calc_gradients get_gradients backward_propogation
""")
UPDATE = _listed("""
    step update update_params update_parameters update_weights update_param apply_gradients update_all apply
    optimize gradient_descent update_weight apply_gradient apply_grads gd sgd sgd_step gradient_step descend
    adjust apply_update update_step update_layer update_network updates optimizer_step update_model sgd_update
    finish_update gradient_descent_step learn adjust_weights weights_update params_update train __call__
""")
TRAIN = _listed("""
    train_step train_batch train_on_batch training_step train_one_batch update_mini_batch fit_batch
    train_one_step train_minibatch batch_step run_batch train_epoch train_one_epoch run_epoch fit_epoch
    one_epoch train fit train_model train_network train_mlp train_nn train_net run_training fit_model train_loop
    training_loop minibatch_sgd sgd training learn partial_fit trainer train_neural_network start_training
    stochastic_gradient_descent main_train gradient_descent optimize do_training training_model
    mini_batch_gradient_descent entrenar treinar entrainer trainieren addestra step
""")
LOSS = _listed("""
    compute_loss loss calculate_loss get_loss compute_cost cost calc_loss loss_fn loss_function
    cross_entropy_loss cross_entropy categorical_cross_entropy cce mse mse_loss mean_squared_error nll nll_loss
    calculate_cost calc_cost cost_function binary_cross_entropy bce softmax_loss evaluate_loss
    categorical_crossentropy error criterion log_loss negative_log_likelihood cross_entropy_error calculate
    forward __call__ compute value calc
""")
# What else a pass forward or back is called: forward_propagat, propagar_adelante, retropropagacion.
_LIKE = {
    id(FORWARD): re.compile(r"forward|feedf|adelante|frente|avant$|vorw"),
    id(BACKWARD): re.compile(r"backw|backprop|retropro|atras|arriere|r.ckw"),
}
_KNOWN = {id(names): {plain(name) for name in names} for names in (FORWARD, BACKWARD)}
RESET = _listed("""
    zero_grad zero_grads reset_grad reset_gradients clear_grad clear_grads zero_gradients reset_grads zero
    clear_gradients zero_gradient reset_gradient
""")

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_NOISE = {"train", "training", "batch", "mini", "minibatch", "tr", "current", "shuffled", "curr", "cur", "my", "the"}
_PREPARED = {"norm", "normed", "normalized", "normalised", "scaled", "standardized", "standardised"}
_HELD_OUT = {"test", "tests", "testing", "val", "valid", "validation", "dev", "eval", "te"}
_EDGES = re.compile(r"^(?:train|batch)(?=.)|(?<=.)(?:train|batch)$")
_HELD_EDGES = re.compile(r"^(?:test|val|valid|dev)(?=.)|(?<=.)(?:test|val|valid|dev)$")
_NOT_FOR_DEFAULTS = {"params", "gradients", "criterion", "slope", "optimizer", "model", "layers", "keep", "loader",
                     "decay"}  # fmt: skip

Context = Mapping[str, Any]


@lru_cache(maxsize=4096)
def roles(name: str) -> list[str]:
    """The roles that a name may stand for, the likelier first."""
    if plain(name) in _LOOK_UP:
        return _LOOK_UP[plain(name)]
    words = [word.lower() for word in _WORD.findall(name)]
    if plain(name) in {"batchsize", "minibatchsize", "batch", "minibatch", "minibatchsz"}:
        return ["rows"] if plain(name) != "batch" else ["rows", "x"]
    held_out = bool(_HELD_OUT & set(words))
    key = "".join(word for word in words if word not in _NOISE | _HELD_OUT | _PREPARED)
    if not held_out and _HELD_EDGES.search(key):
        key, held_out = _HELD_EDGES.sub("", key), True
    for look in (key, _EDGES.sub("", key), re.sub(r"(?<=[a-z])\d+$|(?<=^[xy])n$", "", key)):
        if look in _LOOK_UP:
            found = _LOOK_UP[look]
            return [f"held-out {role}" for role in found if role in {"x", "y", "loader"}] if held_out else found
    kinds = [_LOOK_UP.get(word, []) for word in words if word not in _NOISE | _HELD_OUT]
    if len(kinds) > 1 and not held_out:  # words that all stand for one: X_input
        return [role for role in kinds[0] if all(role in kind for kind in kinds)]
    if words and not key and _PREPARED.isdisjoint(words):  # nothing but noise: `training`, `train`
        return ["true"] if "batch" not in words else ["rows", "x"]
    return []


def asked(function: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    """The parameters of a function, of a method without the object. Raises what `inspect.signature` raises."""
    if isinstance(function, FunctionType) or type(function) is type:
        return _asked(function)
    if isinstance(function, MethodType) and isinstance(function.__func__, FunctionType):
        parameters = _asked(function.__func__)
        if parameters and parameters[0].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
            return parameters[1:]
    return tuple(inspect.signature(function).parameters.values())


@lru_cache(maxsize=1024)
def _asked(function: FunctionType | type) -> tuple[inspect.Parameter, ...]:
    """Of a function or a class, which is asked at each run of a step."""
    return tuple(inspect.signature(function).parameters.values())


def fill(
    function: Callable[..., Any], known: Context, prefer: Iterable[str] = (), *, trains: bool = False
) -> dict[str, Any] | None:
    """Arguments by name for a call, from what is known by role; None where a needed one has no known role.

    Roles in `prefer` win where a parameter's name may stand for several. What `trains` gets labels, whatever they are
    called: they are the only one that has no known role.
    """
    try:
        parameters = asked(function)
    except (TypeError, ValueError):
        return None
    filled: dict[str, Any] = {}
    used: set[str] = set()
    unknown: list[str] = []
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        needed = parameter.default is parameter.empty
        possible = [role for role in roles(parameter.name) if role in known and role not in used]
        possible.sort(key=lambda role: role not in set(prefer))
        if not needed:
            possible = [role for role in possible[:1] if role not in _NOT_FOR_DEFAULTS]
            possible = [role for role in possible if not _is_pair(role, parameters)]
        if possible:
            filled[parameter.name] = known[possible[0]]
            used.add(possible[0])
        elif needed:
            unknown.append(parameter.name)
    if trains and len(unknown) == 1 and "x" in used and "y" not in used:
        filled[unknown.pop()] = known["y"]
    return None if unknown else filled


def needed(function: Callable[..., Any]) -> list[str] | None:
    """Names of the parameters that a call cannot do without; None where they cannot be known."""
    try:
        parameters = asked(function)
    except (TypeError, ValueError):
        return None
    skipped = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in skipped]


def fill_by_place(
    function: Callable[..., Any], values: list[Any], known: Context | None = None
) -> dict[str, Any] | None:
    """The values for the needed parameters, in order; None where there are more or fewer of them.

    Parameters with a default get what is known of their role.
    """
    names = needed(function)
    if names is None or len(names) != len(values):
        return None
    filled = dict(zip(names, values, strict=True))
    parameters = asked(function)
    for parameter in parameters if known else ():
        role = next(iter(roles(parameter.name)), "")
        if parameter.name in filled or _is_pair(role, parameters):
            continue
        if known and role in known and role not in {*_NOT_FOR_DEFAULTS, "x", "y"}:
            filled[parameter.name] = known[role]
    return filled


def _is_pair(role: str, parameters: Iterable[inspect.Parameter]) -> bool:
    """Whether an argument for held-out data, which may be left out, wants data and labels in one: it has no mate."""
    return role == "held-out x" and not any("held-out y" in roles(parameter.name) for parameter in parameters)


def call(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Call with arguments by name, those that can only be given by place first."""
    by_place, by_name = [], dict(arguments)
    for parameter in asked(function):
        if parameter.kind is parameter.POSITIONAL_ONLY and parameter.name in by_name:
            by_place.append(by_name.pop(parameter.name))
    return function(*by_place, **by_name)


def methods(thing: Any, names: Iterable[str]) -> Iterator[Callable[..., Any]]:
    """The thing's methods of these names, in this order; spelt any way. Where it has none, those that sound alike."""
    if isinstance(thing, FunctionType):
        if "__call__" in names:
            yield thing
        return
    spelt = {plain(name): name for name in dir(thing) if not name.startswith("__") or name == "__call__"}
    known = [spelt[name] for name in dict.fromkeys(map(plain, names)) if name in spelt]
    like = _LIKE.get(id(names))
    for name in known or [name for low, name in spelt.items() if like is not None and like.search(low)]:
        found = getattr(thing, name, None)
        if callable(found) and not isinstance(found, type):
            yield found


def sounds(name: str, names: list[str]) -> bool:
    """Whether a function's name is one of `FORWARD` or `BACKWARD`, or sounds like one."""
    return plain(name) in _KNOWN[id(names)] or _LIKE[id(names)].search(plain(name)) is not None


def updates(thing: Any) -> Iterator[Callable[..., Any]]:
    """The thing's methods that are called as updates are, then any other that has the word in its name: update_adam."""
    known = list(methods(thing, UPDATE))
    yield from known
    for name in () if isinstance(thing, FunctionType) else dir(thing):
        found = getattr(thing, name, None) if "update" in name.lower() and not name.startswith("__") else None
        if callable(found) and not isinstance(found, type) and found not in known:
            yield found


def method(thing: Any, names: Iterable[str]) -> Callable[..., Any] | None:
    """The first of them."""
    return next(methods(thing, names), None)
