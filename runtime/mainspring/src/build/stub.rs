//! Imports that a toolchain drags in and the code never calls (files, sockets, HTTP …)
//! are replaced by stubs: each function traps, and the trap says what was called and what
//! to do instead. The server knows a stub by the name of its module and makes the name of
//! its function the message of the blocked run.
//!
//! The component keeps its shape: an import of a stubbed interface becomes an empty
//! instance, the types that came with it become types of the component's own, and where
//! a function of it was lowered for the code, the code gets a function of one small
//! module instead, which has no memory and imports nothing.

mod items;
mod module;

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::path::Path;

use mainspring_sandbox::admission::{advice, is_served};
use wasm_encoder::{
    Alias, ComponentAliasSection, ComponentInstanceSection, ComponentSection, ComponentSectionId,
    ComponentTypeSection, ExportKind, InstanceSection, ModuleArg, RawSection, ValType,
};
use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType};
use wasmparser::types::Types;
use wasmparser::{
    BinaryReader, CanonicalFunction, ComponentAlias, ComponentExport, ComponentExternalKind,
    ComponentImport, ComponentInstance, ComponentTypeRef, CompositeInnerType, Instance, Validator,
    WasmFeatures,
};

use self::items::{Items, with_index};
use self::module::Stub;
use super::BuildError;

/// Interfaces of this family have stubs; what else is not served stays an error.
const STUBBED: &str = "wasi:";

type Outcome<T> = Result<T, String>;

/// The component with stubs for what no server has. A component that asks for nothing of
/// the kind stays as it is. The names of what was replaced come with it.
pub(crate) fn replace(
    component: Vec<u8>,
    path: &Path,
) -> Result<(Vec<u8>, BTreeSet<String>), BuildError> {
    let refused = |problem: String| BuildError::Encode {
        path: path.to_owned(),
        problem,
    };
    let features = WasmFeatures::all();
    let types = Validator::new_with_features(features)
        .validate_all(&component)
        .map_err(|error| refused(error.to_string()))?;
    let mut rewriter = Rewriter::new(types);
    rewriter.component(&component).map_err(refused)?;
    if rewriter.names.is_empty() {
        return Ok((component, BTreeSet::new()));
    }
    let names = rewriter.names.clone();
    let rewritten = rewriter.finish();
    Validator::new_with_features(features)
        .validate_all(&rewritten)
        .map_err(|error| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            refused(format!(
                "it imports {} in a way that cannot be replaced by stubs ({error}); build it \
                 without them",
                names.join(", ")
            ))
        })?;
    Ok((rewritten, names))
}

/// A component on its way through, with its index spaces as far as they change.
struct Rewriter {
    types: Types,
    out: Vec<u8>,
    /// Instances so far; the same before and after.
    instances: u32,
    /// Those that are replaced, with their interfaces.
    stubbed: HashMap<u32, String>,
    /// Functions so far, with their numbers afterwards.
    functions: Vec<Function>,
    kept_functions: u32,
    /// Core functions so far; the same before and after.
    core_functions: u32,
    stubs: Vec<Stub>,
    names: BTreeSet<String>,
}

#[derive(Clone)]
enum Function {
    Kept(u32),
    /// The sentence of its trap.
    Stubbed(String),
}

impl Rewriter {
    fn new(types: Types) -> Self {
        Self {
            types,
            out: Vec::new(),
            instances: 0,
            stubbed: HashMap::new(),
            functions: Vec::new(),
            kept_functions: 0,
            core_functions: 0,
            stubs: Vec::new(),
            names: BTreeSet::new(),
        }
    }

    /// The module of the stubs and its instance come first, so all others move up by one.
    fn finish(self) -> Vec<u8> {
        let mut component = wasm_encoder::Component::HEADER.to_vec();
        let module = module::of(&self.stubs);
        RawSection {
            id: ComponentSectionId::CoreModule.into(),
            data: &module,
        }
        .append_to_component(&mut component);
        let mut instances = InstanceSection::new();
        instances.instantiate(0, std::iter::empty::<(&str, ModuleArg)>());
        instances.append_to_component(&mut component);
        component.extend(self.out);
        component
    }

    /// Section by section; what lies inside of nested modules and components stays.
    fn component(&mut self, component: &[u8]) -> Outcome<()> {
        let mut reader = BinaryReader::new(component, 0);
        reader.read_bytes(8).map_err(text)?;
        while !reader.eof() {
            let id = reader.read_u8().map_err(text)?;
            let length = reader.read_var_u32().map_err(text)?;
            let data = reader.read_bytes(length as usize).map_err(text)?;
            self.section(id, data)?;
        }
        Ok(())
    }

    fn section(&mut self, id: u8, data: &[u8]) -> Outcome<()> {
        const CUSTOM: u8 = ComponentSectionId::CoreCustom as u8;
        const CORE_INSTANCE: u8 = ComponentSectionId::CoreInstance as u8;
        const INSTANCE: u8 = ComponentSectionId::Instance as u8;
        const ALIAS: u8 = ComponentSectionId::Alias as u8;
        const CANONICAL: u8 = ComponentSectionId::CanonicalFunction as u8;
        const IMPORT: u8 = ComponentSectionId::Import as u8;
        const EXPORT: u8 = ComponentSectionId::Export as u8;
        match id {
            CORE_INSTANCE => self.core_instances(data),
            INSTANCE => self.component_instances(data),
            ALIAS => self.aliases(data),
            CANONICAL => self.canonical(data),
            IMPORT => self.imports(data),
            EXPORT => self.exports(data),
            // Names of things by numbers that change here.
            CUSTOM
                if data
                    .get(1..)
                    .is_some_and(|d| d.starts_with(b"component-name")) =>
            {
                Ok(())
            }
            _ => {
                self.append(&RawSection { id, data });
                Ok(())
            }
        }
    }

    fn append(&mut self, section: &impl ComponentSection) {
        section.append_to_component(&mut self.out);
    }

    fn imports(&mut self, data: &[u8]) -> Outcome<()> {
        let mut kept = Items::new(ComponentSectionId::Import);
        for item in items::of::<ComponentImport<'_>>(data) {
            let (import, raw) = item?;
            let name = import.name.name;
            match import.ty {
                ComponentTypeRef::Instance(_) if name.starts_with(STUBBED) && !is_served(name) => {
                    kept.flush(&mut self.out);
                    let mut instances = ComponentInstanceSection::new();
                    let nothing: [(&str, wasm_encoder::ComponentExportKind, u32); 0] = [];
                    instances.export_items(nothing);
                    self.append(&instances);
                    self.stubbed.insert(self.instances, name.to_owned());
                    self.names.insert(name.to_owned());
                    self.instances += 1;
                    continue;
                }
                ComponentTypeRef::Instance(_) => self.instances += 1,
                ComponentTypeRef::Func(_) => self.keep_function(),
                _ => {}
            }
            kept.push(raw);
        }
        kept.flush(&mut self.out);
        Ok(())
    }

    fn keep_function(&mut self) {
        self.functions.push(Function::Kept(self.kept_functions));
        self.kept_functions += 1;
    }

    fn aliases(&mut self, data: &[u8]) -> Outcome<()> {
        let mut kept = Items::new(ComponentSectionId::Alias);
        for item in items::of::<ComponentAlias<'_>>(data) {
            let (alias, raw) = item?;
            match alias {
                ComponentAlias::InstanceExport {
                    kind,
                    instance_index,
                    name,
                } => {
                    if let Some(interface) = self.stubbed.get(&instance_index).cloned() {
                        self.alias_of_stub(kind, instance_index, &interface, name, &mut kept)?;
                        continue;
                    }
                    match kind {
                        ComponentExternalKind::Func => self.keep_function(),
                        ComponentExternalKind::Instance => self.instances += 1,
                        _ => {}
                    }
                    kept.push(raw);
                }
                ComponentAlias::CoreInstanceExport {
                    kind,
                    instance_index,
                    name,
                } => {
                    let kind = core_kind(kind)?;
                    if kind == ExportKind::Func {
                        self.core_functions += 1;
                    }
                    kept.push_encoded(&Alias::CoreInstanceExport {
                        instance: instance_index + 1,
                        kind,
                        name,
                    });
                }
                ComponentAlias::Outer { .. } => kept.push(raw),
            }
        }
        kept.flush(&mut self.out);
        Ok(())
    }

    /// Something of a stubbed interface: a function is remembered, a type is replaced by
    /// one of the component's own.
    fn alias_of_stub(
        &mut self,
        kind: ComponentExternalKind,
        instance: u32,
        interface: &str,
        name: &str,
        kept: &mut Items,
    ) -> Outcome<()> {
        match kind {
            ComponentExternalKind::Func => {
                self.functions
                    .push(Function::Stubbed(sentence(interface, name)));
            }
            ComponentExternalKind::Type => {
                kept.flush(&mut self.out);
                let mut types = ComponentTypeSection::new();
                if self.is_resource(instance, name) {
                    types.resource(ValType::I32, None);
                } else {
                    types
                        .defined_type()
                        .primitive(wasm_encoder::PrimitiveValType::Bool);
                }
                self.append(&types);
            }
            _ => return Err(format!("it takes {name} out of {interface}")),
        }
        Ok(())
    }

    fn is_resource(&self, instance: u32, name: &str) -> bool {
        let types = self.types.as_ref();
        let instance = &types[types.component_instance_at(instance)];
        instance.exports.get(name).is_some_and(|item| {
            matches!(
                item.ty,
                ComponentEntityType::Type {
                    created: ComponentAnyTypeId::Resource(_),
                    ..
                }
            )
        })
    }

    fn canonical(&mut self, data: &[u8]) -> Outcome<()> {
        let mut kept = Items::new(ComponentSectionId::CanonicalFunction);
        for item in items::of::<CanonicalFunction>(data) {
            let (function, raw) = item?;
            match function {
                CanonicalFunction::Lift { .. } => {
                    self.keep_function();
                    kept.push(raw);
                    continue;
                }
                CanonicalFunction::Lower { func_index, .. } => {
                    match self.function(func_index)? {
                        Function::Kept(index) => {
                            // Behind the two bytes that say "lower".
                            kept.push(&with_index(raw, 2, index)?);
                        }
                        Function::Stubbed(sentence) => {
                            kept.flush(&mut self.out);
                            self.lower_stub(sentence)?;
                        }
                    }
                }
                _ => kept.push(raw),
            }
            self.core_functions += 1;
        }
        kept.flush(&mut self.out);
        Ok(())
    }

    /// The code gets a stub where it had a function of the world.
    fn lower_stub(&mut self, sentence: String) -> Outcome<()> {
        let types = self.types.as_ref();
        let ty = &types[types.core_function_at(self.core_functions)];
        let CompositeInnerType::Func(ty) = &ty.composite_type.inner else {
            return Err("a lowered function has a type that is none".to_owned());
        };
        let stub = Stub {
            export: self.stubs.len().to_string(),
            sentence,
            parameters: module::value_types(ty.params())?,
            results: module::value_types(ty.results())?,
        };
        let mut aliases = ComponentAliasSection::new();
        aliases.alias(Alias::CoreInstanceExport {
            instance: 0,
            kind: ExportKind::Func,
            name: &stub.export,
        });
        self.append(&aliases);
        self.stubs.push(stub);
        Ok(())
    }

    fn function(&self, index: u32) -> Outcome<Function> {
        let function = self.functions.get(index as usize);
        function
            .cloned()
            .ok_or_else(|| format!("it has no function {index}"))
    }

    fn kept_function(&self, index: u32) -> Outcome<u32> {
        match self.function(index)? {
            Function::Kept(index) => Ok(index),
            Function::Stubbed(sentence) => Err(format!("it hands on a function: {sentence}")),
        }
    }

    fn core_instances(&mut self, data: &[u8]) -> Outcome<()> {
        let mut kept = Items::new(ComponentSectionId::CoreInstance);
        for item in items::of::<Instance<'_>>(data) {
            let (instance, raw) = item?;
            match instance {
                Instance::Instantiate { module_index, args } => {
                    let args = args.iter();
                    let args: Vec<(&str, ModuleArg)> = args
                        .map(|arg| (arg.name, ModuleArg::Instance(arg.index + 1)))
                        .collect();
                    let mut section = InstanceSection::new();
                    section.instantiate(module_index + 1, args);
                    kept.flush(&mut self.out);
                    self.append(&section);
                }
                Instance::FromExports(_) => kept.push(raw),
            }
        }
        kept.flush(&mut self.out);
        Ok(())
    }

    fn component_instances(&mut self, data: &[u8]) -> Outcome<()> {
        for item in items::of::<ComponentInstance<'_>>(data) {
            let (instance, raw) = item?;
            let numbers = items::function_numbers(raw, &instance)?;
            let mut patched = raw.to_vec();
            // From the end, so that earlier places stay where they are.
            for Range { start, end } in numbers.into_iter().rev() {
                let index = items::number(&patched[start..end])?;
                let index = self.kept_function(index)?;
                patched.splice(start..end, items::leb(index));
            }
            let mut kept = Items::new(ComponentSectionId::Instance);
            kept.push(&patched);
            kept.flush(&mut self.out);
            self.instances += 1;
        }
        Ok(())
    }

    fn exports(&mut self, data: &[u8]) -> Outcome<()> {
        let mut kept = Items::new(ComponentSectionId::Export);
        for item in items::of::<ComponentExport<'_>>(data) {
            let (export, raw) = item?;
            match export.kind {
                ComponentExternalKind::Func => {
                    let index = self.kept_function(export.index)?;
                    kept.push(&with_index(raw, items::export_number(raw)?, index)?);
                    self.keep_function();
                    continue;
                }
                ComponentExternalKind::Instance => self.instances += 1,
                _ => {}
            }
            kept.push(raw);
        }
        kept.flush(&mut self.out);
        Ok(())
    }
}

/// What the trap of a stub says.
fn sentence(interface: &str, function: &str) -> String {
    let interface_name = interface.split('@').next().unwrap_or(interface);
    // `[method]descriptor.read` is `descriptor.read` to people.
    let function = function.rsplit(']').next().unwrap_or(function);
    format!(
        "the workflow called {interface_name} {function}; {}",
        advice(interface)
    )
}

fn core_kind(kind: wasmparser::ExternalKind) -> Outcome<ExportKind> {
    use wasmparser::ExternalKind;
    match kind {
        ExternalKind::Func => Ok(ExportKind::Func),
        ExternalKind::Table => Ok(ExportKind::Table),
        ExternalKind::Memory => Ok(ExportKind::Memory),
        ExternalKind::Global => Ok(ExportKind::Global),
        ExternalKind::Tag => Ok(ExportKind::Tag),
        ExternalKind::FuncExact => Err("it names a function by its exact type".to_owned()),
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests;
