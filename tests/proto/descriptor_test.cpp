// The compiled contract, line by line: every name, number, type and presence of the public nexus.orchestrator
// protocol, and nothing else.

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "orchestrator.pb.h"

namespace {

namespace pb = google::protobuf;

std::string type_of(const pb::FieldDescriptor& field) {
  if (field.message_type() != nullptr) return field.message_type()->full_name();
  if (field.enum_type() != nullptr) return field.enum_type()->full_name();
  return field.type_name();
}

// "message.field = number: type", with what else a field can be.
std::string describe(const pb::FieldDescriptor& field) {
  std::string line = field.containing_type()->full_name() + "." + field.name() + " = " +
                     std::to_string(field.number()) + ": " + type_of(field);
  if (field.is_repeated()) line += " repeated";
  if (field.is_required()) line += " required";
  if (const pb::OneofDescriptor* oneof = field.real_containing_oneof()) line += " in " + oneof->name();
  if (field.has_optional_keyword()) line += " optional";
  return line;
}

std::vector<std::string> describe(const pb::FileDescriptor& file) {
  std::vector<std::string> lines;
  for (int s = 0; s < file.service_count(); ++s) {
    const pb::ServiceDescriptor& service = *file.service(s);
    for (int m = 0; m < service.method_count(); ++m) {
      const pb::MethodDescriptor& method = *service.method(m);
      lines.push_back(method.full_name() + "(" + (method.client_streaming() ? "stream " : "") +
                      method.input_type()->full_name() + ") " + (method.server_streaming() ? "stream " : "") +
                      method.output_type()->full_name());
    }
  }
  for (int e = 0; e < file.enum_type_count(); ++e) {
    const pb::EnumDescriptor& type = *file.enum_type(e);
    for (int v = 0; v < type.value_count(); ++v) {
      lines.push_back(type.full_name() + ": " + type.value(v)->name() + " = " +
                      std::to_string(type.value(v)->number()));
    }
  }
  for (int m = 0; m < file.message_type_count(); ++m) {
    const pb::Descriptor& message = *file.message_type(m);
    lines.push_back(message.full_name());
    EXPECT_EQ(message.nested_type_count(), 0);
    EXPECT_EQ(message.enum_type_count(), 0);
    for (int f = 0; f < message.field_count(); ++f) lines.push_back(describe(*message.field(f)));
  }
  return lines;
}

TEST(OrchestratorProto, IsThePublicContract) {
  const pb::FileDescriptor& file = *nexus::orchestrator::ProofRequest::descriptor()->file();
  EXPECT_EQ(file.package(), "nexus.orchestrator");
  EXPECT_EQ(file.syntax(), pb::FileDescriptor::SYNTAX_PROTO3);
  EXPECT_EQ(file.dependency_count(), 0);
  EXPECT_EQ(file.extension_count(), 0);

  std::vector<std::string> expected = {
      "Orchestrator.RequestProof(P.ProofRequest) P.ProofResponse",
      "Orchestrator.Compile(P.CompileRequest) P.CompileResponse",
      "Orchestrator.AddProver(stream P.ProverRequest) stream P.ProverResponse",
      "ProverType: PROVER_TYPE_UNSPECIFIED = 0",
      "ProverType: PROVER_TYPE_VOLUNTEER = 1",
      "ProverType: PROVER_TYPE_CI = 2",
      "CompiledProgram",
      "CompiledProgram.rv32i_elf_bytes = 1: bytes in program",
      "VMProgramInput",
      "VMProgramInput.raw_bytes = 1: bytes in input",
      "Proof",
      "Proof.nova_bytes = 1: bytes in proof",
      "ProofRequest",
      "ProofRequest.program = 1: P.CompiledProgram",
      "ProofRequest.input = 2: P.VMProgramInput",
      "ProofRequest.step_to_start = 3: int32 optional",
      "ProofRequest.steps_to_prove = 4: int32 optional",
      "ProofResponse",
      "ProofResponse.proof = 1: P.Proof",
      "ProgramSource",
      "ProgramSource.rust_single_file = 1: string in source",
      "CompileRequest",
      "CompileRequest.source = 1: P.ProgramSource",
      "CompileResponse",
      "CompileResponse.program = 1: P.CompiledProgram",
      "Progress",
      "Progress.completed_fraction = 1: float",
      "Progress.steps_in_trace = 2: int32",
      "Progress.steps_to_prove = 3: int32",
      "Progress.steps_proven = 4: int32",
      "ProverRequestRegistration",
      "ProverRequestRegistration.prover_type = 1: P.ProverType",
      "ProverRequestRegistration.prover_id = 2: string",
      "ProverRequestRegistration.estimated_proof_cycles_hertz = 3: double optional",
      "Heartbeat",
      "ProverRequest",
      "ProverRequest.registration = 1: P.ProverRequestRegistration in contents",
      "ProverRequest.proof = 2: P.Proof in contents",
      "ProverRequest.progress = 3: P.Progress in contents",
      "ProverRequest.heartbeat = 4: P.Heartbeat in contents",
      "ProverResponse",
      "ProverResponse.to_prove = 1: P.ProofRequest",
  };
  // P. stands for the package; every line starts with it.
  const std::string package = file.package() + ".";
  for (std::string& line : expected) {
    for (std::size_t at = 0; (at = line.find("P.", at)) != std::string::npos; at += package.size()) {
      line.replace(at, 2, package);
    }
    line = package + line;
  }
  EXPECT_EQ(describe(file), expected);
}

}  // namespace
