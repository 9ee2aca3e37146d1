//! The module of the stubs: functions that trap, named after what they say.

use mainspring_sandbox::STUB_MODULE;
use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, Instruction, Module,
    NameMap, NameSection, TypeSection, ValType,
};

use super::Outcome;

/// One function that must not be called.
pub(super) struct Stub {
    /// The name of its export.
    pub(super) export: String,
    /// What its trap says.
    pub(super) sentence: String,
    pub(super) parameters: Vec<ValType>,
    pub(super) results: Vec<ValType>,
}

/// A module with all of them.
pub(super) fn of(stubs: &[Stub]) -> Vec<u8> {
    let mut types = TypeSection::new();
    let mut functions = FunctionSection::new();
    let mut exports = ExportSection::new();
    let mut code = CodeSection::new();
    let mut names = NameMap::new();
    for (index, stub) in (0..).zip(stubs) {
        types.ty().function(
            stub.parameters.iter().copied(),
            stub.results.iter().copied(),
        );
        functions.function(index);
        exports.export(&stub.export, ExportKind::Func, index);
        let mut body = Function::new([]);
        body.instruction(&Instruction::Unreachable);
        body.instruction(&Instruction::End);
        code.function(&body);
        names.append(index, &stub.sentence);
    }
    let mut name_section = NameSection::new();
    name_section.module(STUB_MODULE);
    name_section.functions(&names);
    let mut module = Module::new();
    module
        .section(&types)
        .section(&functions)
        .section(&exports)
        .section(&code)
        .section(&name_section);
    module.finish()
}

/// The types of lowered functions are numbers.
pub(super) fn value_types(types: &[wasmparser::ValType]) -> Outcome<Vec<ValType>> {
    let types = types.iter().map(|ty| match ty {
        wasmparser::ValType::I32 => Ok(ValType::I32),
        wasmparser::ValType::I64 => Ok(ValType::I64),
        wasmparser::ValType::F32 => Ok(ValType::F32),
        wasmparser::ValType::F64 => Ok(ValType::F64),
        other => Err(format!("a lowered function has a value of type {other}")),
    });
    types.collect()
}
