/* Answer as libnvidia-ml.so.1 does, for GPUs whose power is the plant's: unmodified programs find this library by LD_LIBRARY_PATH.

   Compiled with the layout of plantfile.py as "plant.h"; EDGEKIT_PLANT names the plant's folder. Every value is a function of the clock:
   the sensor of edgekit/sim/emulators/sensor.py (update period, jitter, part-time sensing, one-second average), computed when asked.
   Signatures and numbers are those of NVIDIA's nvml.h; what is not here is "function not found" to nvidia-ml-py. */
#include "plant.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { OK, UNINITIALIZED, INVALID_ARGUMENT, NOT_SUPPORTED, NO_PERMISSION, NOT_FOUND = 6, INSUFFICIENT_SIZE, DRIVER_NOT_LOADED = 9, GPU_IS_LOST = 15 };

typedef struct gpu *device;
typedef unsigned int u32;
typedef unsigned long long u64;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *base;
static const struct head *head;
static int users;

struct sums { int64_t last; double total_j, recent_j[4096], reset_j; int64_t reset_ns; };  /* after tick `last`, the ticks before it, and at a reset */
static struct sums *sums;  /* three per GPU: board, memory, module */

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* ---- the plant: edgekit/sim/curve.py and rail.py ---- */

static double within_j(const struct curve *curve, int64_t t) {
    const struct point *p = (const struct point *)(base + head->points_at) + curve->first_point;
    int64_t low = 0, high = curve->points;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (t < p[middle].t_ns) high = middle; else low = middle + 1;
    }
    int64_t i = low > 0 ? low - 1 : 0;
    double slope = 0;
    if (i + 1 < curve->points && p[i + 1].t_ns > p[i].t_ns) slope = (p[i + 1].power_w - p[i].power_w) / (double)(p[i + 1].t_ns - p[i].t_ns);
    double passed = (double)(t - p[i].t_ns);
    return p[i].total_j + (p[i].power_w + slope * passed / 2) * passed / 1e9;
}

static double curve_j(const struct curve *curve, int64_t t) {
    if (!curve->period_ns) return within_j(curve, t);
    int64_t repeats = floor_div(t, curve->period_ns);
    return (double)repeats * curve->period_j + within_j(curve, t - repeats * curve->period_ns);
}

static double level_s(const struct channel *channel, int64_t t_ns) {
    int64_t count = __atomic_load_n(&channel->count, __ATOMIC_ACQUIRE), low = 0, high = count;
    const struct event *e = (const struct event *)(base + channel->events_at);
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (t_ns < e[middle].t_ns) high = middle; else low = middle + 1;
    }
    if (!low) return 0;
    return e[low - 1].total_s + e[low - 1].level * (double)(t_ns - e[low - 1].t_ns) / 1e9;
}

static double total_j(int64_t rail, int64_t t) {  /* t counts from the epoch */
    const struct rail *r = (const struct rail *)(base + head->rails_at) + rail;
    const struct term *term = (const struct term *)(base + head->terms_at) + r->first_term;
    double sum = 0;
    for (int64_t i = 0; i < r->terms; i++)
        sum += term[i].weight * (term[i].channel ? level_s((const struct channel *)(base + head->channels_at) + term[i].index, t + head->epoch_ns)
                                                 : curve_j((const struct curve *)(base + head->curves_at) + term[i].index, t));
    return sum;
}

/* ---- the sensor: edgekit/sim/emulators/ticks.py and sensor.py ---- */

static int64_t tick_at(const struct gpu *g, int64_t number) {
    if (number == 0) return 0;
    uint64_t z = (uint64_t)g->seed * 0x9E3779B97F4A7C15u + (uint64_t)number * 0xD1B54A32D192ED03u + 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z = (z ^ (z >> 31)) >> 40;
    return number * g->period_ns + (g->jitter_ns ? (int64_t)((__int128)z * 2 * g->jitter_ns >> 24) - g->jitter_ns : 0);
}

static int64_t last_tick(const struct gpu *g, int64_t t) {
    int64_t number = floor_div(t, g->period_ns) + 1;
    while (tick_at(g, number) > t) number--;
    return number > 0 ? number : 0;
}

static double value_w(const struct gpu *g, int64_t rail, int64_t number) {
    int64_t end = tick_at(g, number), before = tick_at(g, number - 1);
    int64_t begin = end - (int64_t)(g->sampled_fraction * (double)(end - before) + 0.5);
    return (total_j(rail, end) - total_j(rail, begin)) * 1e9 / (double)(end - begin);
}

static double sum_j(const struct gpu *g, int64_t rail, struct sums *s, int64_t number) {
    while (s->last < number) {
        int64_t k = ++s->last;
        s->total_j += value_w(g, rail, k) * (double)(tick_at(g, k) - tick_at(g, k - 1)) / 1e9;
        s->recent_j[k % 4096] = s->total_j;
    }
    return s->recent_j[number % 4096];
}

static const struct gpu *all(void) { return (const struct gpu *)(base + head->gpus_at); }

static struct sums *sums_of(device d, int scope) { return sums + 3 * (d - all()) + scope; }

/* ---- library ---- */

static int start(void) {
    const char *folder = getenv("EDGEKIT_PLANT");
    char path[4096];
    struct stat about;
    if (!folder || snprintf(path, sizeof path, "%s/plant.bin", folder) >= (int)sizeof path) return DRIVER_NOT_LOADED;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &about)) return DRIVER_NOT_LOADED;
    base = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (base == MAP_FAILED || memcmp(base, "EKPLANT2", 8)) return DRIVER_NOT_LOADED;
    head = (const struct head *)base;
    sums = calloc((size_t)(3 * head->gpus + 1), sizeof *sums);
    return head->gpus ? OK : DRIVER_NOT_LOADED;
}

int nvmlInitWithFlags(u32 flags) {
    (void)flags;
    pthread_mutex_lock(&lock);
    int status = head || !(status = start()) ? OK : status;
    if (!status) users++;
    pthread_mutex_unlock(&lock);
    return status;
}
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlInit(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) {
    if (!users) return UNINITIALIZED;
    users--;
    return OK;
}

const char *nvmlErrorString(int code) {
    switch (code) {
        case OK: return "Success";
        case UNINITIALIZED: return "Uninitialized";
        case INVALID_ARGUMENT: return "Invalid Argument";
        case NOT_SUPPORTED: return "Not Supported";
        case NO_PERMISSION: return "Insufficient Permissions";
        case NOT_FOUND: return "Not Found";
        case INSUFFICIENT_SIZE: return "Insufficient Size";
        case DRIVER_NOT_LOADED: return "Driver Not Loaded";
        case GPU_IS_LOST: return "GPU is lost";
        default: return "Unknown Error";
    }
}

static int text(char *out, u32 length, const char *value) {
    if (length <= strlen(value)) return INSUFFICIENT_SIZE;
    strcpy(out, value);
    return OK;
}
int nvmlSystemGetDriverVersion(char *out, u32 length) { return users ? text(out, length, head->driver) : UNINITIALIZED; }
int nvmlSystemGetNVMLVersion(char *out, u32 length) { return users ? text(out, length, "13.580.65.06") : UNINITIALIZED; }
int nvmlSystemGetCudaDriverVersion_v2(int *out) { *out = 13000; return users ? OK : UNINITIALIZED; }
int nvmlSystemGetCudaDriverVersion(int *out) { return nvmlSystemGetCudaDriverVersion_v2(out); }
int nvmlDeviceGetCount_v2(u32 *out) { if (users) *out = (u32)head->gpus; return users ? OK : UNINITIALIZED; }
int nvmlDeviceGetCount(u32 *out) { return nvmlDeviceGetCount_v2(out); }

/* ---- devices ---- */

static int checked(device d) {
    if (!users) return UNINITIALIZED;
    if (d < all() || d >= all() + head->gpus) return INVALID_ARGUMENT;
    return d->lost_at_ns && now_ns() >= d->lost_at_ns ? GPU_IS_LOST : OK;
}

static int readable(device d) {
    int status = checked(d);
    if (status) return status;
    int64_t until = now_ns() + d->read_ns;  /* a real driver computes for a while */
    while (d->read_ns && now_ns() < until) continue;
    return d->forbidden_at_ns && now_ns() >= d->forbidden_at_ns ? NO_PERMISSION : OK;
}

int nvmlDeviceGetHandleByIndex_v2(u32 index, device *out) {
    if (!users) return UNINITIALIZED;
    if (index >= head->gpus) return INVALID_ARGUMENT;
    *out = (device)(all() + index);
    return OK;
}
int nvmlDeviceGetHandleByIndex(u32 index, device *out) { return nvmlDeviceGetHandleByIndex_v2(index, out); }
int nvmlDeviceGetHandleByUUID(const char *uuid, device *out) {
    if (!users) return UNINITIALIZED;
    for (int64_t i = 0; i < head->gpus; i++)
        if (!strcmp(all()[i].uuid, uuid)) return nvmlDeviceGetHandleByIndex_v2((u32)i, out);
    return NOT_FOUND;
}
int nvmlDeviceGetIndex(device d, u32 *out) { int status = checked(d); if (!status) *out = (u32)(d - all()); return status; }
int nvmlDeviceGetMinorNumber(device d, u32 *out) { return nvmlDeviceGetIndex(d, out); }
int nvmlDeviceGetName(device d, char *out, u32 length) { int status = checked(d); return status ? status : text(out, length, d->name); }
int nvmlDeviceGetUUID(device d, char *out, u32 length) { int status = checked(d); return status ? status : text(out, length, d->uuid); }

struct pci { char legacy[16]; u32 domain, bus, device, id, subsystem; char bus_id[32]; };
int nvmlDeviceGetPciInfo_v3(device d, struct pci *out) {
    int status = checked(d);
    if (status) return status;
    memset(out, 0, sizeof *out);
    out->bus = (u32)(d - all()) + 1;
    snprintf(out->legacy, sizeof out->legacy, "0000:%02X:00.0", out->bus & 0xffu);
    snprintf(out->bus_id, sizeof out->bus_id, "00000000:%02X:00.0", out->bus & 0xffu);
    return OK;
}

#define CONSTANT(name, type, value) \
    int name(device d, type *out) { int status = checked(d); if (!status) *out = (value); return status; }
#define CHOICE(name, type, value) \
    int name(device d, u32 which, type *out) { int status = checked(d); if (!status) *out = (value); return status; }

CONSTANT(nvmlDeviceGetArchitecture, u32, (u32)d->architecture)
CONSTANT(nvmlDeviceGetBrand, u32, 14)
CONSTANT(nvmlDeviceGetPersistenceMode, u32, 1)
CONSTANT(nvmlDeviceGetComputeMode, u32, 0)
CONSTANT(nvmlDeviceGetPowerManagementMode, u32, 1)
CONSTANT(nvmlDeviceGetPerformanceState, u32, 0)
CONSTANT(nvmlDeviceGetNumGpuCores, u32, 16896)
CONSTANT(nvmlDeviceGetPowerManagementLimit, u32, (u32)d->limit_mw)
CONSTANT(nvmlDeviceGetPowerManagementDefaultLimit, u32, (u32)d->limit_mw)
CONSTANT(nvmlDeviceGetEnforcedPowerLimit, u32, (u32)d->limit_mw)
CONSTANT(nvmlDeviceGetCurrentClocksThrottleReasons, u64, (u64)d->throttle)
CONSTANT(nvmlDeviceGetCurrentClocksEventReasons, u64, (u64)d->throttle)
CONSTANT(nvmlDeviceGetSupportedClocksEventReasons, u64, 0x1ff)
CHOICE(nvmlDeviceGetClockInfo, u32, (u32)(which == 2 ? d->memory_mhz : d->sm_mhz))
CHOICE(nvmlDeviceGetMaxClockInfo, u32, (u32)(which == 2 ? d->memory_mhz : d->sm_mhz))
CHOICE(nvmlDeviceGetApplicationsClock, u32, (u32)(which == 2 ? d->memory_mhz : d->sm_mhz))
CHOICE(nvmlDeviceGetTemperature, u32, (u32)d->temperature_c)
CHOICE(nvmlDeviceGetTemperatureThreshold, u32, 90)

int nvmlDeviceGetPowerManagementLimitConstraints(device d, u32 *low, u32 *high) {
    int status = checked(d);
    if (!status) { *low = 200000; *high = (u32)d->limit_mw; }
    return status;
}
int nvmlDeviceGetCudaComputeCapability(device d, int *major, int *minor) {
    int status = checked(d);
    if (!status) { *major = 9; *minor = 0; }
    return status;
}
struct temperature { u32 version, sensor; int value; };
int nvmlDeviceGetTemperatureV(device d, struct temperature *out) {
    int status = checked(d);
    if (!status) out->value = d->temperature_c;
    return status;
}
struct memory { u64 total, free, used; };
int nvmlDeviceGetMemoryInfo(device d, struct memory *out) {
    int status = checked(d);
    if (!status) { out->total = (u64)d->memory_bytes; out->used = 1ull << 30; out->free = out->total - out->used; }
    return status;
}
struct memory2 { u32 version; u64 total, reserved, free, used; };
int nvmlDeviceGetMemoryInfo_v2(device d, struct memory2 *out) {
    struct memory m;
    int status = nvmlDeviceGetMemoryInfo(d, &m);
    if (!status) { out->total = m.total; out->reserved = 0; out->free = m.free; out->used = m.used; }
    return status;
}
struct rates { u32 gpu, memory; };
int nvmlDeviceGetUtilizationRates(device d, struct rates *out) {
    int status = checked(d);
    if (!status) { out->gpu = 0; out->memory = 0; }
    return status;
}
int nvmlDeviceGetMigMode(device d, u32 *current, u32 *pending) {
    int status = checked(d);
    if (!status) *current = *pending = (u32)d->mig;
    return status;
}
struct process { u32 pid; u64 memory; u32 instance, compute; };
int nvmlDeviceGetComputeRunningProcesses_v3(device d, u32 *count, struct process *out) {
    int status = checked(d);
    if (status) return status;
    if (*count < 2 || !out) { *count = 2; return INSUFFICIENT_SIZE; }
    *count = 2;  /* whoever asks, and who started it, use every GPU */
    out[0] = (struct process){(u32)getpid(), 1u << 28, 0xffffffffu, 0xffffffffu};
    out[1] = (struct process){(u32)getppid(), 1u << 28, 0xffffffffu, 0xffffffffu};
    return OK;
}
int nvmlDeviceGetGraphicsRunningProcesses_v3(device d, u32 *count, struct process *out) {
    (void)out;
    *count = 0;
    return checked(d);
}

/* ---- power and energy ---- */

static int64_t rail_of(device d, int scope) { return scope == 0 ? d->rail : scope == 1 ? d->module_rail : d->memory_rail; }

static double power_w(device d, int scope, int average) {
    int64_t rail = rail_of(d, scope), last = last_tick(d, now_ns() - head->epoch_ns);
    if (last < 1) last = 1;  /* the first value is there from the start */
    if (!average) return value_w(d, rail, last);
    int64_t back = (int64_t)(1e9 / (double)d->period_ns + 0.5), first = last - (back > 1 ? back : 1);
    if (first < 0) first = 0;
    pthread_mutex_lock(&lock);
    struct sums *s = sums_of(d, scope);
    double total = sum_j(d, rail, s, last), before = sum_j(d, rail, s, first);
    pthread_mutex_unlock(&lock);
    return (total - before) * 1e9 / (double)(tick_at(d, last) - tick_at(d, first));
}

int nvmlDeviceGetTotalEnergyConsumption(device d, u64 *out) {
    int status = readable(d);
    if (status) return status;
    if (!d->has_energy) return NOT_SUPPORTED;
    int64_t now = now_ns();
    if (d->frozen_at_ns && now > d->frozen_at_ns) now = d->frozen_at_ns;
    pthread_mutex_lock(&lock);
    struct sums *s = sums_of(d, 0);
    double start = (double)d->start_mj / 1e3;
    if (d->reset_at_ns && now >= d->reset_at_ns) {
        if (s->reset_ns != d->reset_at_ns) s->reset_j = sum_j(d, d->rail, s, last_tick(d, d->reset_at_ns - head->epoch_ns));
        s->reset_ns = d->reset_at_ns;
        start = -s->reset_j;
    }
    double total = sum_j(d, d->rail, s, last_tick(d, now - head->epoch_ns));
    pthread_mutex_unlock(&lock);
    *out = (u64)((start + total) * 1e3);
    return OK;
}

int nvmlDeviceGetPowerUsage(device d, u32 *out) {
    int status = readable(d);
    if (!status) *out = (u32)(power_w(d, 0, d->averaged_usage) * 1e3 + 0.5);
    return status;
}

union value { double d; int si; u32 ui; unsigned long ul; u64 ull; long long sll; unsigned short us; };
struct field { u32 id, scope; long long timestamp, latency; u32 type; int status; union value value; };
enum { TOTAL_ENERGY = 83, POWER_AVERAGE = 185, POWER_INSTANT = 186 };

int nvmlDeviceGetFieldValues(device d, int count, struct field *fields) {
    int status = readable(d);
    if (status) return status;
    for (int i = 0; i < count; i++) {
        struct field *f = fields + i;
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        f->timestamp = (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000;
        f->latency = 0;
        f->status = NOT_SUPPORTED;
        if (f->id == TOTAL_ENERGY) {
            f->type = 3;
            f->status = nvmlDeviceGetTotalEnergyConsumption(d, &f->value.ull);
        } else if ((f->id == POWER_AVERAGE || f->id == POWER_INSTANT) && d->has_instant) {
            f->type = 1;
            f->status = f->scope < 3 && rail_of(d, (int)f->scope) >= 0 ? OK : f->scope < 3 ? NOT_SUPPORTED : INVALID_ARGUMENT;
            if (!f->status) f->value.ui = (u32)(power_w(d, (int)f->scope, f->id == POWER_AVERAGE) * 1e3 + 0.5);
        }
    }
    return OK;
}
