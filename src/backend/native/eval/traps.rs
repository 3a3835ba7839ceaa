//! What beginners fall into: programs that run and do something else than they
//! seem to say. Found in the text of a file, without running it.

use super::state::location;
use crate::backend::inspect::Warning;
use starlark::analysis::AstModuleLint;
use starlark_syntax::codemap::Span;
use starlark_syntax::syntax::AstModule;
use starlark_syntax::syntax::ast::{
    AssignTarget, AstAssignTarget, AstExpr, AstStmt, Clause, Expr, ForClause, Parameter, Stmt,
};
use starlark_syntax::syntax::uniplate::Visit;
use std::collections::BTreeSet;

/// What the language's own analysis finds and that is no matter of taste.
const TAUGHT: [(&str, &str); 4] = [
    ("duplicate-key", "the last of the two counts"),
    ("unreachable", "it is never run"),
    (
        "missing-return",
        "some ways through the function give None: say `return` on each",
    ),
    (
        "no-effect",
        "it does nothing: is a call or an assignment missing?",
    ),
];

/// Names of functions that call what they are given before they return.
const CALL_AT_ONCE: [&str; 6] = ["sorted", "min", "max", "map", "filter", "list"];

/// The traps of one file, in its order.
pub(super) fn traps(ast: &AstModule) -> Vec<Warning> {
    let mut finder = Finder {
        ast,
        found: Vec::new(),
    };
    finder.statement(ast.statement(), &BTreeSet::new());
    let lints = ast.lint(None).into_iter().filter_map(|lint| {
        let (name, cure) = TAUGHT.iter().find(|(name, _)| *name == lint.short_name)?;
        Some(Warning {
            name: (*name).to_owned(),
            message: format!("{}: {cure}", lint.problem),
            location: Some(location(&lint.location)),
        })
    });
    finder.found.extend(lints);
    let mut found = finder.found;
    found.sort_by_key(|w| w.location.as_ref().map(|at| (at.line, at.column)));
    found
}

struct Finder<'a> {
    ast: &'a AstModule,
    found: Vec<Warning>,
}

/// The variables of the loops around a place.
type Loops<'a> = BTreeSet<&'a str>;

impl<'a> Finder<'a> {
    fn statement(&mut self, statement: &'a AstStmt, loops: &Loops<'a>) {
        match &statement.node {
            Stmt::For(each) => {
                self.expression(&each.over, loops);
                let mut inside = loops.clone();
                assigned(&each.var, &mut inside);
                self.statement(&each.body, &inside);
            }
            Stmt::Def(def) => {
                let free: Vec<_> = {
                    let mut used = BTreeSet::new();
                    names_in(&def.body, &mut used);
                    captured(loops, &used, def.params.iter().map(|p| &p.node))
                };
                self.warn("function", statement.span, &free);
                // Its own loops begin anew: what is around it was just looked at.
                self.statement(&def.body, &BTreeSet::new());
            }
            other => other.visit_children(|child| match child {
                Visit::Stmt(child) => self.statement(child, loops),
                Visit::Expr(child) => self.expression(child, loops),
            }),
        }
    }

    fn expression(&mut self, expression: &'a AstExpr, loops: &Loops<'a>) {
        match &expression.node {
            Expr::Lambda(lambda) => {
                let mut used = BTreeSet::new();
                names(&lambda.body, &mut used);
                let free = captured(loops, &used, lambda.params.iter().map(|p| &p.node));
                self.warn("lambda", expression.span, &free);
                self.expression(&lambda.body, &BTreeSet::new());
            }
            Expr::Call(function, _) if calls_at_once(function) => {}
            Expr::ListComprehension(item, first, rest) => {
                let inside = self.clauses(first, rest, loops);
                self.expression(item, &inside);
            }
            Expr::DictComprehension(pair, first, rest) => {
                let inside = self.clauses(first, rest, loops);
                self.expression(&pair.0, &inside);
                self.expression(&pair.1, &inside);
            }
            other => other.visit_expr(|child| self.expression(child, loops)),
        }
    }

    fn clauses(
        &mut self,
        first: &'a ForClause,
        rest: &'a [Clause],
        loops: &Loops<'a>,
    ) -> Loops<'a> {
        self.expression(&first.over, loops);
        let mut inside = loops.clone();
        assigned(&first.var, &mut inside);
        for clause in rest {
            match clause {
                Clause::For(clause) => {
                    self.expression(&clause.over, &inside);
                    assigned(&clause.var, &mut inside);
                }
                Clause::If(condition) => self.expression(condition, &inside),
            }
        }
        inside
    }

    fn warn(&mut self, what: &str, span: Span, free: &[&str]) {
        if free.is_empty() {
            return;
        }
        let (names, first) = (free.join(", "), free[0]);
        self.found.push(Warning {
            name: "loop-variable".into(),
            message: format!(
                "this {what} in a loop uses {names}: called after the loop, all of them see its last value; \
                 hand it in as a default, {first} = {first}"
            ),
            location: Some(location(&self.ast.file_span(span))),
        });
    }
}

/// What is handed to these is called while the variable still has its value.
fn calls_at_once(function: &AstExpr) -> bool {
    matches!(&function.node, Expr::Identifier(name) if CALL_AT_ONCE.contains(&name.node.ident.as_str()))
}

fn captured<'a>(
    loops: &Loops<'a>,
    used: &BTreeSet<&str>,
    parameters: impl Iterator<Item = &'a Parameter>,
) -> Vec<&'a str> {
    let own: BTreeSet<&str> = parameters
        .filter_map(|parameter| Some(parameter.ident()?.node.ident.as_str()))
        .collect();
    let free = loops.iter().filter(|name| used.contains(*name));
    free.filter(|name| !own.contains(*name)).copied().collect()
}

fn assigned<'a>(target: &'a AstAssignTarget, into: &mut Loops<'a>) {
    match &target.node {
        AssignTarget::Tuple(parts) => parts.iter().for_each(|part| assigned(part, into)),
        AssignTarget::Identifier(name) => {
            into.insert(name.node.ident.as_str());
        }
        AssignTarget::Index(_) | AssignTarget::Dot(..) => {}
    }
}

fn names<'a>(expression: &'a AstExpr, into: &mut BTreeSet<&'a str>) {
    if let Expr::Identifier(name) = &expression.node {
        into.insert(name.node.ident.as_str());
    }
    expression.node.visit_expr(|child| names(child, into));
}

fn names_in<'a>(statement: &'a AstStmt, into: &mut BTreeSet<&'a str>) {
    statement
        .node
        .visit_expr(|expression| names(expression, into));
}
