#version 450
// SPDX-FileCopyrightText: 2026 C2A developers
// SPDX-License-Identifier: Apache-2.0
// One pass: places a vertex, hands its world normal on. Buffer layouts are SAPIEN's.

layout(set = 0, binding = 0) uniform CameraBuffer {
  mat4 viewMatrix;
  mat4 projectionMatrix;
  mat4 viewMatrixInverse;
  mat4 projectionMatrixInverse;
  float width;
  float height;
} camera;

layout(set = 1, binding = 0) uniform ObjectTransformBuffer {
  mat4 modelMatrix;
} object;

layout(set = 1, binding = 1) uniform ObjectDataBuffer {
  uvec4 segmentation;
  float transparency;
  int shadeFlat;
} objectData;

layout(location = 0) in vec3 position;
layout(location = 1) in vec3 normal;
layout(location = 2) in vec2 uv;
layout(location = 3) in vec3 tangent;
layout(location = 4) in vec3 bitangent;

layout(location = 0) out vec3 outNormal;
layout(location = 1) out vec3 outToEye;
layout(location = 2) out vec2 outUV;
layout(location = 3) out flat uvec4 outSegmentation;

void main() {
  vec4 world = object.modelMatrix * vec4(position, 1.0);
  outNormal = transpose(inverse(mat3(object.modelMatrix))) * normal;
  outToEye = camera.viewMatrixInverse[3].xyz - world.xyz;
  outUV = uv;
  outSegmentation = objectData.segmentation;
  gl_Position = camera.projectionMatrix * (camera.viewMatrix * world);
}
