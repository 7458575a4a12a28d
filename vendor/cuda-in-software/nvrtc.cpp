// As much of NVRTC as cubecl calls: a kernel is compiled by the C++ compiler into a library, and its path is the "PTX".
#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace fs = std::filesystem;
using std::string;

struct Program {
    string source, library, log;
};

namespace {
// The text between two others, from `at` on, where `at` then points behind them.
string between(const string &text, size_t &at, const string &before, const string &after) {
    size_t start = text.find(before, at);
    if (start == string::npos) return "";
    start += before.size();
    size_t end = text.find(after, start);
    at = end + after.size();
    return text.substr(start, end - start);
}

// Each statement of PTX that begins so becomes a call, of its first input and its second.
void replace_ptx(string &text, const string &instruction, const string &kind, const string &first, const string &call) {
    for (size_t start; (start = text.find(instruction)) != string::npos;) {
        size_t at = start;
        string a = between(text, at, ": \"" + first + "\"(", ")");
        string b = between(text, at, kind, ")");
        size_t end = text.find(';', at);
        text.replace(start, end - start, "result = " + call + "(" + a + ", " + b + ")");
    }
}

// Each product of matrices becomes a call with all that its statement names, its results first.
void replace_products(string &text) {
    const string instruction = "asm (\"mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32";
    for (size_t start; (start = text.find(instruction)) != string::npos;) {
        size_t at = text.find(";\"", start) + 2, end = text.find(';', at);
        string call = "software_mma(";
        for (size_t open; (open = text.find('(', at)) < end && open != string::npos;) {
            at = text.find(')', open);
            call += (call.back() == '(' ? "" : ", ") + text.substr(open + 1, at - open - 1);
        }
        text.replace(start, end - start, call + ")");
    }
}

// The source as C++: types that thread.h has and headers go, shared memory is where the block has it.
string translated(const string &source) {
    std::istringstream lines(source);
    string text = "#include \"thread.h\"\n", line;
    while (std::getline(lines, line)) {
        bool named = line.rfind("typedef", 0) == 0 && line.find("int") != string::npos && line.find("_t;") != string::npos;
        if (!named && line.rfind("#include", 0) != 0) text += line + "\n";
    }
    for (size_t start; (start = text.find("extern __shared__")) != string::npos;) {
        size_t end = text.find("[];", start), name = text.rfind(' ', end);
        text.replace(start, end + 2 - start, "char *" + text.substr(name, end - name) + " = software::shared");
    }
    replace_products(text);
    replace_ptx(text, "asm(\"max.NaN.f32", "\"f\"(", "f", "software_max_nan");
    replace_ptx(text, "asm(\"min.NaN.f32", "\"f\"(", "f", "software_min_nan");
    replace_ptx(text, "asm volatile(\"atom.relaxed.add.f32", "\"f\"(", "l", "software_add");
    size_t at = text.find("__global__ void"), end = text.find('{', at);
    string head = text.substr(at, end - at);
    size_t bounds = head.find("__launch_bounds__");
    size_t from = bounds == string::npos ? strlen("__global__ void") : head.find(')', bounds) + 1;
    from = head.find_first_not_of(' ', from);
    string name = head.substr(from, head.find('(', from) - from);
    return text + "\nextern \"C\" void software_entry(void **with) { software::call(" + name + ", with); }\n";
}

fs::path here() {
    Dl_info self;
    dladdr(reinterpret_cast<void *>(&here), &self);
    return fs::absolute(self.dli_fname).parent_path();
}
} // namespace

#define API extern "C" __attribute__((visibility("default"))) int

API nvrtcVersion(int *major, int *minor) { return *major = 13, *minor = 0, 0; }
API nvrtcCreateProgram(Program **program, const char *source, const char *, int, const char *const *, const char *const *) {
    return *program = new Program{source, "", ""}, 0;
}
API nvrtcCompileProgram(Program *program, int, const char *const *) {
    fs::path folder = here() / "kernels";
    fs::create_directories(folder);
    string text = translated(program->source);
    char name[32];
    snprintf(name, sizeof name, "%016zx", std::hash<string>{}(text));
    fs::path library = folder / (string(name) + ".so"), own = folder / (string(name) + "." + std::to_string(getpid()));
    program->library = library;
    if (fs::exists(library)) return 0;
    string source = own.string() + ".cpp", built = own.string() + ".so", log = own.string() + ".log";
    std::ofstream(source) << text;
    // As cubecl wrote it, for NVIDIA's own compiler.
    std::ofstream(folder / (string(name) + ".cu")) << program->source;
    const char *compiler = getenv("CXX");
    string command = string(compiler ? compiler : "c++") + " -std=c++17 -O1 -w -fpermissive -mf16c -mfma -shared -fPIC -I" +
                     SOURCES + " -o " + built + " " + source + " 2> " + log;
    if (system(command.c_str()) != 0) {
        std::stringstream said;
        said << std::ifstream(log).rdbuf();
        return program->log = said.str(), 6;
    }
    // All at once, as other processes look for it.
    fs::rename(built, library);
    fs::remove(source), fs::remove(log);
    return 0;
}
API nvrtcGetPTXSize(Program *program, size_t *size) { return *size = program->library.size() + 1, 0; }
API nvrtcGetPTX(Program *program, char *text) { return strcpy(text, program->library.c_str()), 0; }
API nvrtcGetProgramLogSize(Program *program, size_t *size) { return *size = program->log.size() + 1, 0; }
API nvrtcGetProgramLog(Program *program, char *text) { return strcpy(text, program->log.c_str()), 0; }
API nvrtcDestroyProgram(Program **program) { return delete *program, *program = nullptr, 0; }
extern "C" __attribute__((visibility("default"))) const char *nvrtcGetErrorString(int) { return "CUDA in software"; }
