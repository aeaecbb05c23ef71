/* An accelerator that is simulated on the CPU, under torch's key for other people's devices.
 *
 * A stream is a queue that a thread works off. The device has a time of its own: an operation begins
 * when it was issued or when the one ahead of it ended, whichever is later, and takes exactly as long
 * as it was given. Its thread sleeps until then, late by whatever the system pleases; stamps of
 * events are of the device's own time, so the truth about a stage is known. Copies take their bytes
 * over a bandwidth. Everything else is computed on the host, after waiting for the stream.
 */
#include <ATen/CPUFunctions.h>
#include <ATen/EmptyTensor.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/view_native.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/extension.h>
#include <torch/library.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Instant = Clock::time_point;
using Nanoseconds = std::chrono::nanoseconds;

const auto KEY = c10::DeviceType::PrivateUse1;
const c10::Device DEVICE(KEY, 0);

std::atomic<int64_t> bytes_per_second{1000000000};
std::atomic<int64_t> synchronisations{0}; // of the device, a stream or an event, by the host

/* One operation: what the host does for it, then how long the device takes. */
struct Operation {
    Instant issued;
    Nanoseconds duration;
    std::function<void(Instant &)> work; // may move the instant at which the stream is free
};

class Queue {
  public:
    Queue() { std::thread([this] { work_off(); }).detach(); }

    void push(Nanoseconds duration, std::function<void(Instant &)> work)
    {
        {
            std::lock_guard<std::mutex> hold(mutex_);
            operations_.push_back({Clock::now(), duration, std::move(work)});
            ++issued_;
        }
        changed_.notify_all();
    }

    bool idle()
    {
        std::lock_guard<std::mutex> hold(mutex_);
        return issued_ == done_;
    }

    void synchronize()
    {
        std::unique_lock<std::mutex> hold(mutex_);
        const auto wanted = issued_;
        changed_.wait(hold, [&] { return done_ >= wanted; });
    }

  private:
    void work_off()
    {
        Instant free{};
        for (;;) {
            Operation next;
            {
                std::unique_lock<std::mutex> hold(mutex_);
                changed_.wait(hold, [this] { return !operations_.empty(); });
                next = std::move(operations_.front());
                operations_.pop_front();
            }
            free = std::max(free, next.issued) + next.duration;
            std::this_thread::sleep_until(free);
            next.work(free);
            next.work = nullptr; // tensors are let go before the host learns that it is done
            {
                std::lock_guard<std::mutex> hold(mutex_);
                ++done_;
            }
            changed_.notify_all();
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Operation> operations_;
    uint64_t issued_ = 0, done_ = 0;
};

/* Streams are never destroyed: their threads run until the process ends. */
std::mutex streams_mutex;
std::vector<Queue *> &streams()
{
    static auto *all = new std::vector<Queue *>{new Queue};
    return *all;
}
thread_local int64_t current = 0;

Queue &queue(int64_t id)
{
    std::lock_guard<std::mutex> hold(streams_mutex);
    return *streams().at(id);
}

/* Shared with the operations that stamp it, since the host may let go of it before them. */
struct Stamp {
    std::mutex mutex;
    std::condition_variable changed;
    uint64_t recorded = 0, reached = 0;
    Instant instant;
    bool timed = false;
};
using Event = std::shared_ptr<Stamp>;
Event &stamp(void *event) { return *static_cast<Event *>(event); }

struct Guard final : c10::impl::DeviceGuardImplInterface {
    c10::DeviceType type() const override { return KEY; }
    c10::Device exchangeDevice(c10::Device) const override { return DEVICE; }
    c10::Device getDevice() const override { return DEVICE; }
    void setDevice(c10::Device) const override {}
    void uncheckedSetDevice(c10::Device) const noexcept override {}
    c10::DeviceIndex deviceCount() const noexcept override { return 1; }

    static c10::Stream named(int64_t id) { return c10::Stream(c10::Stream::UNSAFE, DEVICE, id); }
    c10::Stream getStream(c10::Device) const override { return named(current); }
    c10::Stream getDefaultStream(c10::Device) const override { return named(0); }
    c10::Stream getNewStream(c10::Device, int = 0) const override
    {
        std::lock_guard<std::mutex> hold(streams_mutex);
        streams().push_back(new Queue);
        return named(static_cast<int64_t>(streams().size()) - 1);
    }
    c10::Stream getStreamFromGlobalPool(c10::Device device, bool = false) const override
    {
        return getNewStream(device);
    }
    c10::Stream exchangeStream(c10::Stream stream) const override
    {
        const auto before = named(current);
        current = stream.id();
        return before;
    }
    void *getStreamNativeHandle(const c10::Stream stream) const override { return &queue(stream.id()); }
    bool queryStream(const c10::Stream &stream) const override { return queue(stream.id()).idle(); }
    void synchronizeStream(const c10::Stream &stream) const override
    {
        ++synchronisations;
        queue(stream.id()).synchronize();
    }
    void synchronizeDevice(const c10::DeviceIndex) const override
    {
        ++synchronisations;
        std::vector<Queue *> all;
        {
            std::lock_guard<std::mutex> hold(streams_mutex);
            all = streams();
        }
        for (auto *each : all)
            each->synchronize();
    }

    void destroyEvent(void *event, const c10::DeviceIndex) const noexcept override
    {
        delete static_cast<Event *>(event);
    }
    void record(void **event, const c10::Stream &stream, const c10::DeviceIndex,
                const c10::EventFlag flag) const override
    {
        if (*event == nullptr)
            *event = new Event(std::make_shared<Stamp>());
        auto shared = stamp(*event);
        uint64_t turn;
        {
            std::lock_guard<std::mutex> hold(shared->mutex);
            shared->timed = flag != c10::EventFlag::PYTORCH_DEFAULT;
            turn = ++shared->recorded;
        }
        queue(stream.id()).push(Nanoseconds(0), [shared, turn](Instant &free) {
            {
                std::lock_guard<std::mutex> hold(shared->mutex);
                shared->instant = free;
                shared->reached = turn;
            }
            shared->changed.notify_all();
        });
    }
    void block(void *event, const c10::Stream &stream) const override
    {
        auto shared = stamp(event);
        uint64_t turn;
        {
            std::lock_guard<std::mutex> hold(shared->mutex);
            turn = shared->recorded;
        }
        queue(stream.id()).push(Nanoseconds(0), [shared, turn](Instant &free) {
            std::unique_lock<std::mutex> hold(shared->mutex);
            shared->changed.wait(hold, [&] { return shared->reached >= turn; });
            free = std::max(free, shared->instant);
        });
    }
    bool queryEvent(void *event) const override
    {
        if (event == nullptr)
            return true;
        auto shared = stamp(event);
        std::lock_guard<std::mutex> hold(shared->mutex);
        return shared->reached == shared->recorded;
    }
    void synchronizeEvent(void *event) const override
    {
        if (event == nullptr)
            return;
        ++synchronisations;
        auto shared = stamp(event);
        std::unique_lock<std::mutex> hold(shared->mutex);
        const auto wanted = shared->recorded;
        shared->changed.wait(hold, [&] { return shared->reached >= wanted; });
    }
    double elapsedTime(void *first, void *last, const c10::DeviceIndex) const override
    {
        TORCH_CHECK(stamp(first)->timed && stamp(last)->timed, "an event was made without timing");
        TORCH_CHECK(queryEvent(first) && queryEvent(last), "the device is not there yet");
        const auto passed = stamp(last)->instant - stamp(first)->instant;
        return std::chrono::duration<double, std::milli>(passed).count();
    }
};
C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard);

/* ---------------------------------------------------------------- memory */

void release(void *memory) { std::free(memory); }

struct Memory final : c10::Allocator {
    c10::DataPtr allocate(size_t bytes) override
    {
        void *memory = bytes ? std::malloc(bytes) : nullptr;
        return {memory, memory, &release, DEVICE};
    }
    c10::DeleterFnPtr raw_deleter() const override { return &release; }
    void copy_data(void *to, const void *from, size_t bytes) const override { std::memcpy(to, from, bytes); }
};
Memory memory;
REGISTER_ALLOCATOR(KEY, &memory);

std::mutex pinned_mutex;
std::set<const void *> &pinned()
{
    static auto *all = new std::set<const void *>;
    return *all;
}

void unpin(void *held)
{
    {
        std::lock_guard<std::mutex> hold(pinned_mutex);
        pinned().erase(held);
    }
    std::free(held);
}

struct PinnedMemory final : c10::Allocator {
    c10::DataPtr allocate(size_t bytes) override
    {
        void *held = bytes ? std::malloc(bytes) : nullptr;
        std::lock_guard<std::mutex> hold(pinned_mutex);
        pinned().insert(held);
        return {held, held, &unpin, c10::Device(c10::kCPU)};
    }
    c10::DeleterFnPtr raw_deleter() const override { return &unpin; }
    void copy_data(void *to, const void *from, size_t bytes) const override { std::memcpy(to, from, bytes); }
};
PinnedMemory pinned_memory;

struct Hooks : at::PrivateUse1HooksInterface {
    bool isBuilt() const override { return true; }
    bool isAvailable() const override { return true; }
    bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
    c10::DeviceIndex deviceCount() const override { return 1; }
    c10::DeviceIndex getCurrentDevice() const override { return 0; }
    void setCurrentDevice(c10::DeviceIndex) const override {}
    c10::DeviceIndex exchangeDevice(c10::DeviceIndex) const override { return 0; }
    c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex) const override { return 0; }
    c10::Allocator *getPinnedMemoryAllocator() const override { return &pinned_memory; }
    bool isPinnedPtr(const void *data) const override
    {
        std::lock_guard<std::mutex> hold(pinned_mutex);
        return pinned().count(data) != 0;
    }
};

/* --------------------------------------------------------------- tensors */

using Kind = std::optional<at::ScalarType>;
using Layout = std::optional<at::Layout>;
using Place = std::optional<at::Device>;
using Format = std::optional<at::MemoryFormat>;
const c10::DispatchKeySet KEYS(c10::DispatchKey::PrivateUse1);

at::Tensor empty(c10::SymIntArrayRef size, Kind kind, Layout, Place, std::optional<bool>, Format format)
{
    return at::detail::empty_generic(C10_AS_INTARRAYREF_SLOW(size), &memory, KEYS,
                                     c10::dtype_or_default(kind), format);
}

at::Tensor empty_strided(c10::SymIntArrayRef size, c10::SymIntArrayRef stride, Kind kind, Layout, Place,
                         std::optional<bool>)
{
    return at::detail::empty_strided_generic(C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(stride),
                                             &memory, KEYS, c10::dtype_or_default(kind));
}

/* The same memory as a tensor of the host. */
at::Tensor on_host(const at::Tensor &tensor)
{
    if (tensor.is_cpu())
        return tensor;
    return at::from_blob(tensor.data_ptr(), tensor.sizes(), tensor.strides(), [tensor](void *) {},
                         tensor.options().device(at::kCPU));
}

at::Tensor copy_from(const at::Tensor &source, const at::Tensor &target, bool is_non_blocking)
{
    auto from = on_host(source), to = on_host(target);
    const auto ns = Nanoseconds(static_cast<int64_t>(from.nbytes() * 1e9 / bytes_per_second));
    auto &stream = queue(current);
    stream.push(ns, [from, to](Instant &) mutable {
        c10::InferenceMode inference;
        to.copy_(from);
    });
    if (!is_non_blocking)
        stream.synchronize();
    return target;
}

at::Tensor copy_and_resize(const at::Tensor &source, const at::Tensor &target)
{
    at::native::resize_(target, source.sizes(), std::nullopt);
    return copy_from(source, target, false);
}

const at::Tensor &resize(const at::Tensor &tensor, c10::SymIntArrayRef size, Format)
{
    const auto sizes = C10_AS_INTARRAYREF_SLOW(size);
    size_t bytes = tensor.element_size();
    for (const auto each : sizes)
        bytes *= each;
    if (tensor.storage().nbytes() < bytes) {
        auto *storage = tensor.storage().unsafeGetStorageImpl();
        storage->set_data_ptr(memory.allocate(bytes));
        storage->set_nbytes(bytes);
    }
    tensor.unsafeGetTensorImpl()->set_sizes_contiguous(sizes);
    return tensor;
}

at::Tensor as_strided(const at::Tensor &tensor, c10::SymIntArrayRef size, c10::SymIntArrayRef stride,
                      std::optional<c10::SymInt> offset)
{
    const auto from = offset ? std::optional<int64_t>(offset->expect_int()) : std::nullopt;
    return at::cpu::as_strided(tensor, C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(stride), from);
}

at::Tensor view(const at::Tensor &tensor, c10::SymIntArrayRef size)
{
    return at::native::view(tensor, C10_AS_INTARRAYREF_SLOW(size));
}

void compute_on_host(const c10::OperatorHandle &operation, torch::jit::Stack *stack)
{
    queue(current).synchronize();
    at::native::cpu_fallback(operation, stack);
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, library)
{
    library.impl("empty.memory_format", empty);
    library.impl("empty_strided", empty_strided);
    library.impl("_copy_from", copy_from);
    library.impl("_copy_from_and_resize", copy_and_resize);
    library.impl("resize_", resize);
    library.impl("as_strided", as_strided);
    library.impl("view", view);
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, library)
{
    library.fallback(torch::CppFunction::makeFromBoxedFunction<&compute_on_host>());
}

} // namespace

PYBIND11_MODULE(TORCH_EXTENSION_NAME, module)
{
    at::RegisterPrivateUse1HooksInterface(new Hooks);
    module.def("launch", [](int64_t ns) { queue(current).push(Nanoseconds(ns), [](Instant &) {}); },
               "Issue a kernel of `ns` nanoseconds on the current stream.");
    module.def("set_bandwidth", [](int64_t rate) { bytes_per_second = rate; },
               "Let copies take their bytes over `rate` bytes a second.");
    module.def("synchronisations", [] { return synchronisations.load(); },
               "Return how often the host has waited for the device, a stream or an event.");
}
