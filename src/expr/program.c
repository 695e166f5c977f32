/* Programs: expressions compiled to a flat list of instructions over vector registers.
 *
 * Compiling walks each expression once and appends instructions. Every instruction runs under a selection; selections form
 * a tree: number 0 is the chunk's own, AND, OR, CASE and COALESCE derive narrower ones for their later parts. A register
 * computed under a selection is valid in that selection's rows only, so a common subexpression is shared when it was
 * computed under the same selection or one that contains it: the list of known expressions is cut back when the compiler
 * leaves a narrower selection.
 *
 * There are no jumps: an instruction whose selection is empty is skipped. Registers that do not leave the program use
 * buffers of the worker's program_state, dealt out by the registers' lifetimes; results are made in the morsel arena. */
#include "expr/expr_private.h"

#include <assert.h>
#include <stdio.h>

#include "kernel/cast.h"
#include "kernel/kernel.h"

enum opcode {
    OP_CALL,   /* out = function(args) */
    OP_RETYPE, /* out = args[0] under another type */
    OP_FIELD,  /* out = field of the ROW args[0] */
    OP_BEGIN,  /* out = empty vector to be filled by OP_MOVE */
    OP_MOVE,   /* out = args[0] in the selected rows */
    OP_AND,    /* out = args[0] AND args[1]; args[0] may be out */
    OP_OR,
    OP_SELECT, /* selection sel_out = rows of sel where args[0] has `truth` */
    OP_SPLIT   /* sel_out = rows where args[0] is TRUE, sel_rest = the others */
};

struct instruction {
    enum opcode op;
    enum truth truth;
    int sel, sel_out, sel_rest;
    int out; /* register, -1 for OP_SELECT and OP_SPLIT */
    int arg_count;
    int *args; /* registers */
    const struct bound_function *function;
    void *function_state;
    const struct expr *expr; /* for messages and OP_FIELD */
    int32_t offset, length;  /* of it or the nearest enclosing expression with a place */
};

enum register_kind { REGISTER_COLUMN, REGISTER_CONST, REGISTER_TEMP };

struct register_info {
    enum register_kind kind;
    const struct type *type;
    enum phys phys;
    int column;          /* REGISTER_COLUMN */
    struct vector value; /* REGISTER_CONST */
    /* REGISTER_TEMP */
    bool escapes;    /* is a result or part of one: made in the morsel arena */
    int buffer;      /* of program_state, -1: none (nested types, aliases, escaping) */
    int alias;       /* shares the data of this register, -1: none */
    int first, last; /* instructions that write it first and use it last */
};

struct program {
    const char *const *names; /* of the input's columns, for messages; may be NULL */
    int instruction_count;
    struct instruction *instructions;
    int register_count;
    struct register_info *registers;
    int result_count;
    int *results; /* registers */
    const struct type **result_types;
    int sel_count, sel_buffer_count;
    int *sel_buffers; /* of each selection but 0: its buffer */
    int buffer_count;
    size_t *buffer_bytes;
    int filter_sel;         /* of a filter program: the selection of TRUE rows */
    struct program *filter; /* the filter program of a single BOOLEAN expression, or NULL */
};

struct selection {
    const sel_index *rows; /* NULL: 0 … count-1 */
    int count;
};

struct program_state {
    const struct program *program;
    struct arena *arena;
    struct vector *registers;
    uint8_t *loaded; /* by register: the column was taken from the current chunk */
    struct selection *sels;
    sel_index **sel_buffers;
    sel_index *valid_rows; /* scratch: the selection narrowed to valid rows */
    void **buffers;
    uint64_t *validity; /* VALIDITY_WORDS for each register, made with the first use */
    struct program_state *filter;
    /* during a run */
    const struct chunk *chunk;
    const struct eval_env *env;
    struct arena *morsel_arena;
};

/* ---- compiling ---- */

struct known {
    const struct expr *expr;
    uint64_t hash;
    int reg;
};

struct compiler {
    struct arena *arena;
    struct program *program;
    struct error *err;
    size_t instruction_capacity, register_capacity, sel_capacity, known_capacity;
    int known_count;
    struct known *known;
    int *column_registers; /* by column, -1 */
    int column_capacity;
    int sel_depth; /* selection buffers in use */
    int32_t offset, length;
};

/* Doubling within an arena: the old array stays behind until the arena ends. */
#define GROW(c, array, capacity, need)                                                                                 \
    do {                                                                                                               \
        if ((size_t)(need) > (capacity)) {                                                                             \
            size_t grown_ = (capacity) ? (capacity)*2 : 16;                                                            \
            while (grown_ < (size_t)(need)) grown_ *= 2;                                                               \
            void *new_array_ = arena_zalloc((c)->arena, grown_ * sizeof *(array));                                     \
            if (capacity) memcpy(new_array_, (array), (capacity) * sizeof *(array));                                   \
            (array) = new_array_;                                                                                      \
            (capacity) = grown_;                                                                                       \
        }                                                                                                              \
    } while (0)

static int new_register(struct compiler *c, enum register_kind kind, const struct type *type) {
    struct program *p = c->program;
    GROW(c, p->registers, c->register_capacity, p->register_count + 1);
    p->registers[p->register_count] = (struct register_info){
        .kind = kind, .type = type, .phys = type_phys(type), .buffer = -1, .alias = -1, .first = -1, .last = -1};
    return p->register_count++;
}

static struct instruction *emit(struct compiler *c, enum opcode op, int sel, int out, const int *args, int arg_count) {
    struct program *p = c->program;
    GROW(c, p->instructions, c->instruction_capacity, p->instruction_count + 1);
    struct instruction *instruction = &p->instructions[p->instruction_count++];
    *instruction = (struct instruction){.op = op,
                                        .sel = sel,
                                        .sel_out = -1,
                                        .sel_rest = -1,
                                        .out = out,
                                        .arg_count = arg_count,
                                        .offset = c->offset,
                                        .length = c->length};
    if (arg_count) instruction->args = arena_memdup(c->arena, args, sizeof *args * (size_t)arg_count);
    return instruction;
}

/* A selection whose rows lie in the given buffer. */
static int new_sel(struct compiler *c, int buffer) {
    struct program *p = c->program;
    GROW(c, p->sel_buffers, c->sel_capacity, p->sel_count + 1);
    p->sel_buffers[p->sel_count] = buffer;
    if (buffer >= p->sel_buffer_count) p->sel_buffer_count = buffer + 1;
    return p->sel_count++;
}

static int emit_select(struct compiler *c, int sel, int reg, enum truth truth, int buffer) {
    int out = new_sel(c, buffer);
    struct instruction *instruction = emit(c, OP_SELECT, sel, -1, &reg, 1);
    instruction->truth = truth;
    instruction->sel_out = out;
    return out;
}

static void remember(struct compiler *c, const struct expr *expr, uint64_t hash, int reg) {
    GROW(c, c->known, c->known_capacity, c->known_count + 1);
    c->known[c->known_count++] = (struct known){expr, hash, reg};
}

static enum status compile(struct compiler *c, const struct expr *expr, int sel, int *out);

/* Computing it in more rows than asked for is cheap and cannot go wrong. */
static bool is_eager(const struct expr *expr, int *budget) {
    switch (expr->kind) {
    case EXPR_COLUMN:
    case EXPR_CONST: return true;
    case EXPR_CALL:
        if (expr->function->fallible || expr->function->determinism == NONDETERMINISTIC) return false;
        if (expr->function->null_rule == NULL_PROPAGATE && !expr->function->any_rows) *budget -= 2;
        (*budget)--;
        break;
    case EXPR_CAST:
        if (expr_can_fail(expr)) return false;
        (*budget)--;
        break;
    case EXPR_AND:
    case EXPR_OR: (*budget)--; break;
    case EXPR_FIELD: break;
    default: return false;
    }
    for (int i = 0; i < expr->arg_count; i++)
        if (*budget < 0 || !is_eager(expr->args[i], budget)) return false;
    return *budget >= 0;
}

enum { EAGER_BUDGET = 4 };

static bool eager(const struct expr *expr) {
    int budget = EAGER_BUDGET;
    return is_eager(expr, &budget);
}

static enum status compile_const(struct compiler *c, const struct value *value, const struct type *type, int *out) {
    *out = new_register(c, REGISTER_CONST, type);
    vector_init_const(&c->program->registers[*out].value, c->arena, type, value);
    return STATUS_OK;
}

static enum status compile_call(struct compiler *c, const struct expr *expr, const struct bound_function *function,
                                int sel, int *out) {
    if (expr->arg_count > FUNCTION_MAX_ARGS)
        return error_set_at(c->err, STATUS_LIMIT_EXCEEDED, c->offset, c->length, "%s has more than %d arguments",
                            function->name, FUNCTION_MAX_ARGS);
    /* not on the stack, which is as deep as the expression */
    int *args = ARENA_ARRAY(c->arena, int, expr->arg_count + 1);
    const struct value **constants = ARENA_ARRAY(c->arena, const struct value *, expr->arg_count + 1);
    for (int i = 0; i < expr->arg_count; i++) {
        TRY(compile(c, expr->args[i], sel, &args[i]));
        constants[i] = expr->args[i]->kind == EXPR_CONST ? &expr->args[i]->constant : NULL;
    }
    void *state = NULL;
    if (function->prepare) {
        enum status status = function->prepare(function, constants, c->arena, &state, c->err);
        if (status != STATUS_OK) {
            if (c->err && c->err->offset < 0) {
                c->err->offset = c->offset;
                c->err->length = c->length;
            }
            return status;
        }
    }
    *out = new_register(c, REGISTER_TEMP, expr->type);
    struct instruction *instruction = emit(c, OP_CALL, sel, *out, args, expr->arg_count);
    instruction->function = function;
    instruction->function_state = state;
    instruction->expr = expr;
    return STATUS_OK;
}

static int emit_alias(struct compiler *c, enum opcode op, const struct expr *expr, int sel, int arg) {
    int out = new_register(c, REGISTER_TEMP, expr->type);
    c->program->registers[out].alias = arg;
    emit(c, op, sel, out, &arg, 1)->expr = expr;
    return out;
}

static enum status compile_cast(struct compiler *c, const struct expr *expr, int sel, int *out) {
    const struct expr *arg = expr->args[0];
    if (arg->type->id == TYPE_NULL) {
        struct value null = value_null(expr->type);
        return compile_const(c, &null, expr->type, out);
    }
    bool relabel;
    const struct bound_function *function =
        expri_cast_function(c->arena, arg->type, expr->type, expr->cast.try_cast, &relabel);
    if (!relabel) return compile_call(c, expr, function, sel, out);
    int reg;
    TRY(compile(c, arg, sel, &reg));
    *out = emit_alias(c, OP_RETYPE, expr, sel, reg);
    return STATUS_OK;
}

/* AND and OR. Parts that are cheap and cannot fail run over all rows; the first that is not, and all after it, run only
 * where nothing is decided yet. */
static enum status compile_junction(struct compiler *c, const struct expr *expr, int sel, int *out) {
    enum opcode op = expr->kind == EXPR_AND ? OP_AND : OP_OR;
    int result = -1, i = 0;
    for (; i < expr->arg_count && (i == 0 || eager(expr->args[i])); i++) {
        int reg;
        TRY(compile(c, expr->args[i], sel, &reg));
        if (result < 0) {
            result = reg;
            continue;
        }
        int pair[2] = {result, reg};
        result = new_register(c, REGISTER_TEMP, expr->type);
        emit(c, op, sel, result, pair, 2);
    }
    if (i < expr->arg_count) {
        int first = result, buffer = c->sel_depth++;
        result = new_register(c, REGISTER_TEMP, expr->type);
        emit(c, OP_BEGIN, sel, result, NULL, 0);
        emit(c, OP_MOVE, sel, result, &first, 1);
        int known_count = c->known_count;
        for (; i < expr->arg_count; i++) {
            int reg;
            sel = emit_select(c, sel, result, op == OP_AND ? TRUTH_NOT_FALSE : TRUTH_NOT_TRUE, buffer);
            TRY(compile(c, expr->args[i], sel, &reg));
            int pair[2] = {result, reg};
            emit(c, op, sel, result, pair, 2);
        }
        c->known_count = known_count;
        c->sel_depth--;
    }
    *out = result;
    return STATUS_OK;
}

static enum status compile_case(struct compiler *c, const struct expr *expr, int sel, int *out) {
    int yes_buffer = c->sel_depth++, rest_buffer = c->sel_depth++, known_count = -1;
    *out = new_register(c, REGISTER_TEMP, expr->type);
    emit(c, OP_BEGIN, sel, *out, NULL, 0);
    int rest = sel, reg;
    for (int i = 0; i + 1 < expr->arg_count; i += 2) {
        TRY(compile(c, expr->args[i], rest, &reg));
        if (known_count < 0) known_count = c->known_count; /* what the first condition computed holds in all rows */
        int condition_known = c->known_count;
        int yes = new_sel(c, yes_buffer), no = new_sel(c, rest_buffer);
        struct instruction *split = emit(c, OP_SPLIT, rest, -1, &reg, 1);
        split->sel_out = yes;
        split->sel_rest = no;
        TRY(compile(c, expr->args[i + 1], yes, &reg));
        emit(c, OP_MOVE, yes, *out, &reg, 1);
        c->known_count = condition_known;
        rest = no;
    }
    TRY(compile(c, expr->args[expr->arg_count - 1], rest, &reg));
    emit(c, OP_MOVE, rest, *out, &reg, 1);
    if (known_count >= 0) c->known_count = known_count;
    c->sel_depth -= 2;
    return STATUS_OK;
}

static enum status compile_coalesce(struct compiler *c, const struct expr *expr, int sel, int *out) {
    int first;
    TRY(compile(c, expr->args[0], sel, &first));
    if (expr->arg_count == 1 || !expr->args[0]->type->nullable) {
        *out = emit_alias(c, OP_RETYPE, expr, sel, first);
        return STATUS_OK;
    }
    int buffer = c->sel_depth++, known_count = c->known_count;
    *out = new_register(c, REGISTER_TEMP, expr->type);
    emit(c, OP_BEGIN, sel, *out, NULL, 0);
    emit(c, OP_MOVE, sel, *out, &first, 1);
    int reg = first;
    for (int i = 1; i < expr->arg_count; i++) {
        /* The rows still NULL are those of the part before (all rows of the current selection are candidates). */
        sel = emit_select(c, sel, reg, TRUTH_NULL, buffer);
        TRY(compile(c, expr->args[i], sel, &reg));
        emit(c, OP_MOVE, sel, *out, &reg, 1);
    }
    c->known_count = known_count;
    c->sel_depth--;
    return STATUS_OK;
}

static enum status compile_column(struct compiler *c, const struct expr *expr, int *out) {
    int index = expr->column.index;
    if (index < 0 || index >= c->column_capacity)
        return error_set(c->err, STATUS_INTERNAL, "column %d of an input with %d columns", index, c->column_capacity);
    if (c->column_registers[index] < 0) {
        c->column_registers[index] = new_register(c, REGISTER_COLUMN, expr->type);
        c->program->registers[c->column_registers[index]].column = index;
    }
    *out = c->column_registers[index];
    return STATUS_OK;
}

static enum status compile(struct compiler *c, const struct expr *expr, int sel, int *out) {
    if (expr->kind == EXPR_COLUMN) return compile_column(c, expr, out);
    if (expr->kind == EXPR_CONST) return compile_const(c, &expr->constant, expr->type, out);
    uint64_t hash = expr_hash(expr);
    for (int i = 0; i < c->known_count; i++) {
        if (c->known[i].hash == hash && expr_equal(c->known[i].expr, expr)) {
            *out = c->known[i].reg;
            return STATUS_OK;
        }
    }
    int32_t offset = c->offset, length = c->length;
    if (expr->offset >= 0) {
        c->offset = expr->offset;
        c->length = expr->length;
    }
    enum status status = STATUS_OK;
    switch (expr->kind) {
    case EXPR_CALL: status = compile_call(c, expr, expr->function, sel, out); break;
    case EXPR_CAST: status = compile_cast(c, expr, sel, out); break;
    case EXPR_AND:
    case EXPR_OR: status = compile_junction(c, expr, sel, out); break;
    case EXPR_CASE: status = compile_case(c, expr, sel, out); break;
    case EXPR_COALESCE: status = compile_coalesce(c, expr, sel, out); break;
    case EXPR_FIELD: {
        int row;
        status = compile(c, expr->args[0], sel, &row);
        if (status == STATUS_OK) *out = emit_alias(c, OP_FIELD, expr, sel, row);
        break;
    }
    default:
        status = error_set_at(c->err, STATUS_INTERNAL, c->offset, c->length,
                              "an expression of kind %d cannot be compiled", (int)expr->kind);
    }
    if (status == STATUS_OK) remember(c, expr, hash, *out);
    c->offset = offset;
    c->length = length;
    return status;
}

/* ---- lifetimes and buffers ---- */

static void use(struct program *p, int reg, int at) {
    for (; reg >= 0; reg = p->registers[reg].alias) {
        if (p->registers[reg].first < 0) p->registers[reg].first = at;
        p->registers[reg].last = at;
    }
}

static void assign_buffers(struct compiler *c) {
    struct program *p = c->program;
    for (int i = 0; i < p->instruction_count; i++) {
        for (int a = 0; a < p->instructions[i].arg_count; a++) use(p, p->instructions[i].args[a], i);
        if (p->instructions[i].out >= 0) use(p, p->instructions[i].out, i);
    }
    for (int i = 0; i < p->result_count; i++)
        for (int reg = p->results[i]; reg >= 0; reg = p->registers[reg].alias) p->registers[reg].escapes = true;
    /* Deal buffers in the order of the instructions; one is free again after the last use of its register. */
    size_t capacity = 0;
    int *owner = NULL; /* register that has the buffer, -1 free */
    for (int i = 0; i < p->instruction_count; i++) {
        int reg = p->instructions[i].out;
        struct register_info *info = reg >= 0 ? &p->registers[reg] : NULL;
        size_t bytes = info ? (size_t)phys_size(info->phys) * VECTOR_CAPACITY : 0;
        bool nested = info && (info->phys == PHYS_LIST || info->phys == PHYS_ROW);
        if (info && info->first == i && info->alias < 0 && !info->escapes && !nested && bytes) {
            int found = -1;
            for (int b = 0; b < p->buffer_count && found < 0; b++)
                if (p->buffer_bytes[b] == bytes && (owner[b] < 0 || p->registers[owner[b]].last < i)) found = b;
            if (found < 0) {
                found = p->buffer_count++;
                size_t owner_capacity = capacity;
                GROW(c, p->buffer_bytes, capacity, p->buffer_count);
                GROW(c, owner, owner_capacity, p->buffer_count);
                p->buffer_bytes[found] = bytes;
            }
            owner[found] = reg;
            info->buffer = found;
        }
    }
}

static void compiler_init(struct compiler *c, struct arena *arena, const struct schema *input, struct error *err) {
    *c = (struct compiler){.arena = arena, .err = err, .offset = -1};
    c->program = ARENA_NEW(arena, struct program);
    c->program->names = input ? input->names : NULL;
    c->program->filter_sel = -1;
    c->column_capacity = input ? input->column_count : 0;
    c->column_registers = ARENA_ARRAY(arena, int, c->column_capacity + 1);
    for (int i = 0; i < c->column_capacity; i++) c->column_registers[i] = -1;
    new_sel(c, 0); /* number 0: the chunk's own; it has no buffer */
    c->program->sel_buffer_count = 0;
}

/* The conjuncts one after the other, each in the rows where all before it are TRUE. A NULL is as good as FALSE here. */
static enum status compile_filter(struct arena *arena, const struct expr *expr, const struct schema *input,
                                  struct program **out, struct error *err) {
    struct compiler c;
    compiler_init(&c, arena, input, err);
    struct expr *const *parts = expr->kind == EXPR_AND ? expr->args : (struct expr *const *)&expr;
    int part_count = expr->kind == EXPR_AND ? expr->arg_count : 1;
    int sel = 0, buffer = c.sel_depth++;
    for (int i = 0; i < part_count;) {
        int reg;
        TRY(compile(&c, parts[i], sel, &reg));
        bool cheap = eager(parts[i]);
        for (i++; i < part_count && cheap && eager(parts[i]); i++) {
            int pair[2] = {reg, -1};
            TRY(compile(&c, parts[i], sel, &pair[1]));
            reg = new_register(&c, REGISTER_TEMP, type_of(TYPE_BOOLEAN));
            emit(&c, OP_AND, sel, reg, pair, 2);
        }
        sel = emit_select(&c, sel, reg, TRUTH_TRUE, buffer);
    }
    c.program->filter_sel = sel;
    assign_buffers(&c);
    *out = c.program;
    return STATUS_OK;
}

enum status expri_compile(struct arena *query_arena, struct expr *const *exprs, int expr_count,
                          const struct schema *input, struct program **out, struct error *err) {
    struct compiler c;
    compiler_init(&c, query_arena, input, err);
    struct program *p = c.program;
    p->result_count = expr_count;
    p->results = ARENA_ARRAY(query_arena, int, expr_count);
    p->result_types = ARENA_ARRAY(query_arena, const struct type *, expr_count);
    for (int i = 0; i < expr_count; i++) {
        p->result_types[i] = exprs[i]->type;
        TRY(compile(&c, exprs[i], 0, &p->results[i]));
    }
    assign_buffers(&c);
    *out = p;
    return STATUS_OK;
}

enum status program_compile(struct arena *query_arena, struct expr *const *exprs, int expr_count,
                            const struct schema *input, struct program **out, struct error *err) {
    struct expr **folded = ARENA_ARRAY(query_arena, struct expr *, expr_count);
    for (int i = 0; i < expr_count; i++) folded[i] = expr_fold(query_arena, exprs[i]);
    struct program *program, *filter = NULL;
    TRY(expri_compile(query_arena, folded, expr_count, input, &program, err));
    if (expr_count == 1 && exprs[0]->type->id == TYPE_BOOLEAN)
        TRY(compile_filter(query_arena, folded[0], input, &filter, err));
    for (int i = 0; i < expr_count; i++) program->result_types[i] = exprs[i]->type;
    program->filter = filter;
    *out = program;
    return STATUS_OK;
}

/* ---- running ---- */

struct program_state *program_state_create(const struct program *program, struct arena *arena) {
    struct program_state *state = ARENA_NEW(arena, struct program_state);
    state->program = program;
    state->arena = arena;
    state->registers = ARENA_ARRAY(arena, struct vector, program->register_count + 1);
    for (int i = 0; i < program->register_count; i++)
        if (program->registers[i].kind == REGISTER_CONST) state->registers[i] = program->registers[i].value;
    state->loaded = ARENA_ARRAY(arena, uint8_t, program->register_count + 1);
    state->sels = ARENA_ARRAY(arena, struct selection, program->sel_count);
    state->sel_buffers = ARENA_ARRAY(arena, sel_index *, program->sel_buffer_count + 1);
    state->buffers = ARENA_ARRAY(arena, void *, program->buffer_count + 1);
    if (program->filter) state->filter = program_state_create(program->filter, arena);
    return state;
}

/* Big scratch memory is made with the first chunk that needs it. */
static sel_index *sel_buffer(struct program_state *state, int buffer) {
    if (!state->sel_buffers[buffer])
        state->sel_buffers[buffer] = arena_alloc_aligned(state->arena, VECTOR_CAPACITY * sizeof(sel_index), 64);
    return state->sel_buffers[buffer];
}

static uint64_t *validity_buffer(struct program_state *state, int reg) {
    if (state->program->registers[reg].escapes)
        return arena_alloc_aligned(state->morsel_arena, VALIDITY_WORDS * sizeof(uint64_t), 64);
    if (!state->validity) {
        size_t words = (size_t)state->program->register_count * VALIDITY_WORDS;
        state->validity = arena_alloc_aligned(state->arena, words * sizeof(uint64_t), 64);
    }
    return state->validity + (size_t)reg * VALIDITY_WORDS;
}

/* Columns are taken from the chunk when first used. */
static const struct vector *load(struct program_state *state, int reg) {
    const struct register_info *info = &state->program->registers[reg];
    struct vector *vec = &state->registers[reg];
    if (info->kind != REGISTER_COLUMN || state->loaded[reg]) return vec;
    *vec = state->chunk->columns[info->column];
    if (vec->form == VECTOR_DICT) vector_flatten(vec, state->morsel_arena, state->chunk->row_count);
    state->loaded[reg] = 1;
    return vec;
}

/* An empty flat vector for row_count rows. */
static struct vector *begin(struct program_state *state, int reg, int row_count) {
    const struct register_info *info = &state->program->registers[reg];
    struct vector *vec = &state->registers[reg];
    if (info->buffer >= 0) {
        void **buffer = &state->buffers[info->buffer];
        if (!*buffer) {
            size_t bytes = state->program->buffer_bytes[info->buffer];
            *buffer = memset(arena_alloc_aligned(state->arena, bytes, 64), 0, bytes);
        }
        *vec = (struct vector){.type = info->type, .phys = info->phys, .form = VECTOR_FLAT, .data = *buffer};
    } else {
        vector_init(vec, state->morsel_arena, info->type, row_count);
    }
    return vec;
}

static void set_null(struct program_state *state, int reg) {
    struct value null = value_null(state->program->registers[reg].type);
    vector_init_const(&state->registers[reg], state->morsel_arena, null.type, &null);
}

/* A text that may stand in a message: cut when long. */
static void put_value(struct strbuf *buf, const struct value *value) {
    enum { MAX_BYTES = 80 };
    size_t from = buf->len;
    if (value->is_null)
        strbuf_puts(buf, "NULL");
    else
        value_print_sql(buf, value);
    if (buf->len - from <= MAX_BYTES) return;
    size_t end = from + MAX_BYTES - 3;
    while (end > from && ((unsigned char)buf->data[end] & 0xC0) == 0x80) end--;
    buf->len = end;
    strbuf_puts(buf, "...");
}

static __attribute__((cold, noinline)) enum status fail(struct program_state *state, const struct instruction *ins,
                                                        const struct kernel_ctx *ctx, const struct vector *const *args,
                                                        enum status status, struct error *err) {
    if (!err) return status;
    const struct bound_function *function = ins->function;
    struct strbuf text = {0}, values = {0};
    expri_print_short(&text, ins->expr, state->program->names);
    if (text.len > 200) {
        text.len = 197;
        while (text.len > 0 && ((unsigned char)text.data[text.len] & 0xC0) == 0x80) text.len--;
        strbuf_puts(&text, "...");
    }
    bool is_cast = ins->expr->kind == EXPR_CAST; /* its text says the value */
    for (int i = 0; i < ins->arg_count && ctx->error_row >= 0 && !is_cast; i++) {
        if (ins->expr->args[i]->kind == EXPR_CONST) continue;
        struct value value = vector_get(args[i], ctx->error_row, state->morsel_arena);
        if (values.len) strbuf_puts(&values, ", ");
        expri_print_short(&values, ins->expr->args[i], state->program->names);
        strbuf_puts(&values, " = ");
        put_value(&values, &value);
    }
    const char *what = ctx->error_text;
    char fallback[128];
    if (!*what) {
        what = fallback;
        if (status == STATUS_DIVISION_BY_ZERO)
            snprintf(fallback, sizeof fallback, "division by zero");
        else if (status == STATUS_OUT_OF_RANGE)
            snprintf(
                fallback, sizeof fallback, "the result is out of range for %s",
                type_to_string(state->morsel_arena, type_with_nullable(state->morsel_arena, function->result, true)));
        else
            snprintf(fallback, sizeof fallback, "%s failed", function->name);
    }
    if (values.len)
        error_set_at(err, status, ins->offset, ins->length, "%s in \"%s\" (%s)", what, text.data, values.data);
    else
        error_set_at(err, status, ins->offset, ins->length, "%s in \"%s\"", what, text.data);
    strbuf_free(&text);
    strbuf_free(&values);
    return status;
}

/* NULL rows of strings and lists become empty ones, so that nobody follows an old pointer. */
static void clear_null_rows(struct vector *out, const sel_index *sel, int count) {
    size_t size = (size_t)phys_size(out->phys);
    for (int i = 0; i < count; i++) {
        int row = sel ? sel[i] : i;
        if (!validity_get(out->validity, row)) memset((char *)out->data + size * (size_t)row, 0, size);
    }
}

static enum status run_call(struct program_state *state, const struct instruction *ins, struct error *err) {
    const struct bound_function *function = ins->function;
    bool propagate = function->null_rule == NULL_PROPAGATE, constant = true, is_null = false;
    const struct vector *args[FUNCTION_MAX_ARGS];
    for (int i = 0; i < ins->arg_count; i++) {
        args[i] = load(state, ins->args[i]);
        if (args[i]->phys == PHYS_NULL)
            is_null = true;
        else if (args[i]->form == VECTOR_CONST)
            is_null |= !validity_get(args[i]->validity, 0);
        else
            constant = false;
    }
    if (propagate && is_null) {
        set_null(state, ins->out);
        return STATUS_OK;
    }
    if (function->determinism == NONDETERMINISTIC) constant = false;
    int row_count = constant ? 1 : state->chunk->row_count;
    const sel_index *sel = constant ? NULL : state->sels[ins->sel].rows;
    int count = constant ? 1 : state->sels[ins->sel].count;
    struct vector *out = begin(state, ins->out, row_count);
    if (propagate && !constant) {
        uint64_t *words = NULL;
        for (int i = 0; i < ins->arg_count; i++) {
            if (args[i]->form == VECTOR_CONST || !args[i]->validity) continue;
            if (!words) words = validity_buffer(state, ins->out);
            out->validity = kernel_validity_and(out->validity, args[i]->validity, words, row_count);
        }
        if (out->validity && !function->any_rows) {
            if (!state->valid_rows)
                state->valid_rows = arena_alloc_aligned(state->arena, VECTOR_CAPACITY * sizeof(sel_index), 64);
            int valid = kernel_select_valid(out->validity, sel, count, state->valid_rows);
            if (valid != count) {
                if (out->phys == PHYS_STR || out->phys == PHYS_LIST) clear_null_rows(out, sel, count);
                sel = state->valid_rows;
                count = valid;
            }
        }
    }
    struct kernel_ctx ctx = {.function = function,
                             .arena = state->morsel_arena,
                             .env = state->env,
                             .state = ins->function_state,
                             .error_row = -1};
    if (count > 0) {
        enum status status = function->kernel(&ctx, args, out, sel, count);
        if (status != STATUS_OK) return fail(state, ins, &ctx, args, status, err);
    }
    if (constant) out->form = VECTOR_CONST;
    return STATUS_OK;
}

static void run_field(struct program_state *state, const struct instruction *ins) {
    const struct vector *row = load(state, ins->args[0]);
    struct vector *out = &state->registers[ins->out];
    int row_count = row->form == VECTOR_CONST ? 1 : state->chunk->row_count;
    *out = row->children[ins->expr->field.index];
    if (row->form == VECTOR_CONST) out->form = VECTOR_CONST;
    if (out->form == VECTOR_DICT) vector_flatten(out, state->morsel_arena, row_count);
    if (row->validity && out->phys != PHYS_NULL) {
        if (out->form == VECTOR_CONST && row->form != VECTOR_CONST) vector_flatten(out, state->morsel_arena, row_count);
        out->validity = kernel_validity_and(row->validity, out->validity, validity_buffer(state, ins->out), row_count);
    }
    out->type = ins->expr->type;
}

static void run_junction(struct program_state *state, const struct instruction *ins) {
    const struct vector *a = load(state, ins->args[0]), *b = load(state, ins->args[1]);
    struct selection sel = state->sels[ins->sel];
    bool in_place = ins->args[0] == ins->out;
    struct vector first = *a;
    struct vector *out = &state->registers[ins->out];
    if (!in_place) out = begin(state, ins->out, state->chunk->row_count);
    if ((first.validity || b->validity) && !out->validity) {
        out->validity = validity_buffer(state, ins->out);
        memset(out->validity, 0xFF, VALIDITY_WORDS * sizeof(uint64_t));
    }
    if (in_place) first.validity = out->validity;
    if (ins->op == OP_AND)
        kernel_and(&first, b, out, sel.rows, sel.count);
    else
        kernel_or(&first, b, out, sel.rows, sel.count);
}

static void run_select(struct program_state *state, const struct instruction *ins) {
    struct selection in = state->sels[ins->sel];
    struct selection *out = &state->sels[ins->sel_out];
    if (in.count == 0) {
        *out = in;
        return;
    }
    sel_index *rows = sel_buffer(state, state->program->sel_buffers[ins->sel_out]);
    int count = kernel_select(load(state, ins->args[0]), ins->truth, in.rows, in.count, rows);
    /* All of them: stay with the selection that there is, which may be "every row". */
    *out = count == in.count ? in : (struct selection){rows, count};
}

static void run_split(struct program_state *state, const struct instruction *ins) {
    struct selection in = state->sels[ins->sel];
    struct selection *yes = &state->sels[ins->sel_out], *no = &state->sels[ins->sel_rest];
    if (in.count == 0) {
        *yes = *no = in;
        return;
    }
    sel_index *yes_rows = sel_buffer(state, state->program->sel_buffers[ins->sel_out]);
    sel_index *no_rows = sel_buffer(state, state->program->sel_buffers[ins->sel_rest]);
    int count = kernel_split(load(state, ins->args[0]), in.rows, in.count, yes_rows, no_rows);
    /* Narrowed in place, `in` is gone: its first row was written over by the others that did not stay. */
    *yes = count == in.count && in.rows != no_rows ? in : (struct selection){yes_rows, count};
    *no = count == 0 ? in : (struct selection){no_rows, in.count - count};
}

static enum status run(struct program_state *state, const struct chunk *chunk, const struct eval_env *env,
                       struct arena *morsel_arena, struct error *err) {
    const struct program *p = state->program;
    state->chunk = chunk;
    state->env = env;
    state->morsel_arena = morsel_arena;
    memset(state->loaded, 0, (size_t)p->register_count);
    state->sels[0] = (struct selection){chunk->sel, chunk->sel ? chunk->sel_count : chunk->row_count};
    for (int i = 0; i < p->instruction_count; i++) {
        const struct instruction *ins = &p->instructions[i];
        if (ins->op == OP_SELECT) {
            run_select(state, ins);
            continue;
        }
        if (ins->op == OP_SPLIT) {
            run_split(state, ins);
            continue;
        }
        struct selection sel = state->sels[ins->sel];
        if (sel.count == 0) continue;
        switch (ins->op) {
        case OP_CALL: TRY(run_call(state, ins, err)); break;
        case OP_RETYPE:
            state->registers[ins->out] = *load(state, ins->args[0]);
            state->registers[ins->out].type = ins->expr->type;
            break;
        case OP_FIELD: run_field(state, ins); break;
        case OP_BEGIN: begin(state, ins->out, chunk->row_count); break;
        case OP_MOVE: {
            struct vector *out = &state->registers[ins->out];
            const struct vector *from = load(state, ins->args[0]);
            if (!out->validity && from->validity && out->phys != PHYS_LIST && out->phys != PHYS_ROW) {
                out->validity = validity_buffer(state, ins->out);
                memset(out->validity, 0xFF, VALIDITY_WORDS * sizeof(uint64_t));
            }
            kernel_move(out, from, sel.rows, sel.count, morsel_arena, VECTOR_CAPACITY);
            break;
        }
        case OP_AND:
        case OP_OR: run_junction(state, ins); break;
        case OP_SELECT:
        case OP_SPLIT: break;
        }
    }
    return STATUS_OK;
}

enum status program_run(const struct program *program, struct program_state *state, const struct chunk *chunk,
                        const struct eval_env *env, struct arena *morsel_arena, struct vector *results,
                        struct error *err) {
    assert(state->program == program);
    bool empty = (chunk->sel ? chunk->sel_count : chunk->row_count) == 0;
    if (!empty) TRY(run(state, chunk, env, morsel_arena, err));
    for (int i = 0; i < program->result_count; i++) {
        const struct type *type = program->result_types[i];
        if (empty) {
            struct value null = value_null(type);
            vector_init_const(&results[i], morsel_arena, type, &null);
        } else {
            results[i] = *load(state, program->results[i]);
            results[i].type = type;
        }
    }
    return STATUS_OK;
}

enum status program_filter(const struct program *program, struct program_state *state, const struct chunk *chunk,
                           const struct eval_env *env, struct arena *morsel_arena, sel_index *sel_out, int *sel_count,
                           struct error *err) {
    assert(state->program == program && program->filter);
    if ((chunk->sel ? chunk->sel_count : chunk->row_count) == 0) {
        *sel_count = 0;
        return STATUS_OK;
    }
    struct program_state *filter = state->filter;
    filter->sel_buffers[0] = sel_out; /* the buffer of the filter's own selections */
    TRY(run(filter, chunk, env, morsel_arena, err));
    struct selection sel = filter->sels[program->filter->filter_sel];
    if (!sel.rows)
        for (int i = 0; i < sel.count; i++) sel_out[i] = (sel_index)i;
    else if (sel.rows != sel_out)
        memcpy(sel_out, sel.rows, (size_t)sel.count * sizeof *sel_out);
    *sel_count = sel.count;
    return STATUS_OK;
}

enum status expri_evaluate(struct arena *arena, struct expr *expr, const struct eval_env *env, struct value *out,
                           struct error *err) {
    struct program *program;
    TRY(expri_compile(arena, &expr, 1, NULL, &program, err));
    struct program_state *state = program_state_create(program, arena);
    uint64_t row_counter = 0;
    struct eval_env none = {.watermark_micros = INT64_MIN, .row_counter = &row_counter};
    struct chunk one_row = {.row_count = 1, .sel_count = 1};
    struct vector result;
    TRY(program_run(program, state, &one_row, env ? env : &none, arena, &result, err));
    *out = vector_get(&result, 0, arena);
    out->type = expr->type;
    return STATUS_OK;
}

enum status expr_evaluate(struct arena *arena, struct expr *expr, const struct eval_env *env, struct value *out,
                          struct error *err) {
    struct value value;
    struct expr *folded = expr_fold(arena, expr);
    if (folded->kind == EXPR_CONST)
        value = folded->constant;
    else
        TRY(expri_evaluate(arena, folded, env, &value, err));
    value.type = expr->type;
    *out = value_copy(arena, &value);
    return STATUS_OK;
}
