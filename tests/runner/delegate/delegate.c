/* A delegate as small as the interface of LiteRT's external delegates allows. What it does is told by its option "mode":
 *   none    takes no operator                all     takes every operator and answers 42 in every place of the last one's output
 *   first   takes the first operator only
 *   refuse  is not created, and says why     crash   dies while it is created     unwell  fails when it is shown the model
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int size;
    int data[];
} Ints;

typedef struct {
    int type;
    float *data;
    Ints *dims;
    float scale;
    int32_t zero_point;
    int allocation;
    size_t bytes;
    const void *source;
    const char *name;
    void *delegate;
    int handle;
    _Bool stale, variable;
    int quantization;
    void *quantization_params, *sparsity;
    const Ints *signature;
} Tensor;

typedef struct {
    Ints *inputs, *outputs;
} Node;

typedef struct Context Context;

typedef struct {
    void *(*init)(Context *, const char *, size_t);
    void (*free)(Context *, void *);
    int (*prepare)(Context *, Node *);
    int (*invoke)(Context *, Node *);
    const char *(*profiling)(const Context *, const Node *);
    int32_t builtin;
    const char *name;
    int version;
    void *external, *async;
    uint64_t inplace;
} Registration;

struct Context {
    size_t tensors_size;
    int (*plan)(Context *, Ints **);
    Tensor *tensors;
    void *inner, *resize, *report, *add, *look;
    int (*replace)(Context *, Registration, const Ints *, void *);
};

typedef struct Delegate {
    void *data;
    int (*prepare)(Context *, struct Delegate *);
    void *from, *to, *release;
    int64_t flags;
    void *builder;
} Delegate;

static int nothing(Context *context, Node *node) { return 0; }

static int answer(Context *context, Node *node) {
    Tensor *output = &context->tensors[node->outputs->data[0]];
    for (size_t place = 0; place < output->bytes / sizeof(float); place++) output->data[place] = 42;
    return 0;
}

static int decline(Context *context, Delegate *delegate) { return 0; }

static int fail(Context *context, Delegate *delegate) { return 1; }

static int take(Context *context, Delegate *delegate) {
    Registration own = {.prepare = nothing, .invoke = answer, .name = "Answering", .version = 1};
    Ints *plan;
    if (context->plan(context, &plan)) return 1;
    size_t bytes = sizeof(Ints) + plan->size * sizeof(int);
    Ints *all = malloc(bytes);
    memcpy(all, plan, bytes);
    if (delegate->data) all->size = 1; /* where the mode is "first" */
    int status = context->replace(context, own, all, delegate);
    free(all);
    return status;
}

Delegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count, void (*report)(const char *)) {
    const char *mode = "none";
    for (size_t place = 0; place < count; place++)
        if (!strcmp(keys[place], "mode")) mode = values[place];
    if (!strcmp(mode, "crash")) abort();
    if (!strcmp(mode, "refuse")) {
        report("no accelerator is plugged in");
        return NULL;
    }
    Delegate *made = calloc(1, sizeof(Delegate));
    made->data = strcmp(mode, "first") ? NULL : made;
    made->prepare = made->data || !strcmp(mode, "all") ? take : !strcmp(mode, "unwell") ? fail : decline;
    return made;
}

void tflite_plugin_destroy_delegate(Delegate *delegate) { free(delegate); }
