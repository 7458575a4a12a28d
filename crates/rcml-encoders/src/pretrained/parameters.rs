//! Parameters of a module by name.

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;

/// Parameters of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterCount {
    /// The group: a part of the module by name, blocks taken together.
    pub group: String,
    /// Values that are trained.
    pub trainable: usize,
    /// All values.
    pub total: usize,
}

/// Trainable and all values of a module by group, in the module's order: the first two parts of a name, without numbers of blocks
/// and the kind of an encoder.
pub fn count_parameters<M: Module>(module: &M) -> Vec<ParameterCount> {
    let mut counts: Vec<ParameterCount> = Vec::new();
    each(module, &mut |Parameter { path, trained, values, .. }| {
        let plain = path.iter().filter(|part| !part.starts_with(|c: char| c.is_ascii_digit() || c.is_uppercase()));
        let mut group: Vec<&str> = plain.map(String::as_str).filter(|part| *part != "family").take(2).collect();
        if path.iter().any(|part| part == "lora") {
            group.push("lora");
        }
        let (group, trained) = (group.join("."), if trained { values } else { 0 });
        match counts.iter_mut().find(|count| count.group == group) {
            Some(count) => (count.trainable, count.total) = (count.trainable + trained, count.total + values),
            None => counts.push(ParameterCount { group, trainable: trained, total: values }),
        }
    });
    counts
}

/// Names of all parameters, in the module's order.
pub fn parameter_names<M: Module>(module: &M) -> Vec<String> {
    names(module).into_iter().map(|(name, ..)| name).collect()
}

/// Names of the parameters that are not trained. The module must be on a device with autodiff.
pub fn frozen_parameters<M: Module>(module: &M) -> Vec<String> {
    names(module).into_iter().filter(|(_, _, trained)| !trained).map(|(name, ..)| name).collect()
}

/// Names, ids, and whether they are trained.
pub(super) fn names<M: Module>(module: &M) -> Vec<(String, ParamId, bool)> {
    let mut names = Vec::new();
    each(module, &mut |Parameter { path, id, trained, .. }| names.push((path.join("."), id, trained)));
    names
}

/// A parameter on the way through a module.
struct Parameter<'a> {
    /// The parts of its name.
    path: &'a [String],
    id: ParamId,
    trained: bool,
    values: usize,
}

fn each<M: Module>(module: &M, visit: &mut dyn FnMut(Parameter<'_>)) {
    module.visit(&mut Each { path: Vec::new(), visit });
}

struct Each<'a> {
    path: Vec<String>,
    visit: &'a mut dyn FnMut(Parameter<'_>),
}

impl ModuleVisitor for Each<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let values = param.lazy_shape().num_elements();
        (self.visit)(Parameter { path: &self.path, id: param.id, trained: param.is_require_grad(), values });
    }
}
