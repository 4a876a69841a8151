import CProtobufCompiler
import Foundation
import ProtobufC

/// protoc's plugin for Swift over protobuf-c: a CodeGeneratorRequest on standard input, a CodeGeneratorResponse on
/// standard output (plugin.proto). What is wrong with the proto files is in the response; exit 1 means that there is
/// none.
@main
enum Plugin {
  static func main() {
    do {
      let request = try FileHandle.standardInput.readToEnd() ?? Data()
      let response = try respond(to: [UInt8](request))
      try FileHandle.standardOutput.write(contentsOf: Data(response))
    } catch {
      FileHandle.standardError.write(Data("protoc-gen-swift-protobuf-c: \(error)\n".utf8))
      exit(1)
    }
  }

  static func respond(to request: [UInt8]) throws(ProtobufError) -> [UInt8] {
    let outcome = try WireCodec.decode(
      request, google__protobuf__compiler__code_generator_request__init,
      limits: DecodingLimits(maximumMemory: 1 << 30), outputs(for:))
    return try encode(outcome)
  }

  private static func outputs(
    for request: UnsafePointer<Google__Protobuf__Compiler__CodeGeneratorRequest>
  ) -> Result<[FileEmitter.Output], GenerationError> {
    Result { () throws(GenerationError) in
      let options = try GeneratorOptions(parameter: CReading.string(request.pointee.parameter))
      let wanted = Set(
        CReading.strings(request.pointee.n_file_to_generate, request.pointee.file_to_generate))
      var files: [SchemaFile] = []
      var imported: [SchemaFile] = []
      var descriptors: [FileDescriptor] = []
      for file in CReading.messages(
        request.pointee.n_proto_file, request.pointee.proto_file, { $0 })
      {
        let name = CReading.string(file.pointee.name)
        if wanted.contains(name) {
          files.append(try SchemaReader.file(file))
        } else if options.module(of: name) != nil {
          imported.append(try SchemaReader.file(file))
        }
        descriptors.append(FileDescriptor(strippingComments: file))
      }
      return try FileEmitter(
        files: files, imported: imported, descriptors: descriptors, options: options
      ).outputs()
    }
  }

  private static func encode(_ outcome: Result<[FileEmitter.Output], GenerationError>)
    throws(ProtobufError) -> [UInt8]
  {
    try WireCodec.encode { arena throws(ProtobufError) in
      let response = arena.make(google__protobuf__compiler__code_generator_response__init)
      switch outcome {
      case .failure(let error): response.pointee.error = try arena.string(error.message)
      case .success(let outputs):
        response.pointee.n_file = outputs.count
        response.pointee.file = try arena.array(outputs) { output throws(ProtobufError) in
          let file = arena.make(google__protobuf__compiler__code_generator_response__file__init)
          file.pointee.name = try arena.string(output.name)
          file.pointee.content = try arena.string(output.content)
          return file
        }
      }
      return response
    }
  }
}
