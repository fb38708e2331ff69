#version 450
// SPDX-FileCopyrightText: 2026 C2A developers
// SPDX-License-Identifier: Apache-2.0
// Ambient from above and below, two suns with a little gloss; no shadows, no image based light:
// that light's tables take a processor seconds to make at every start, and this needs none.

layout(set = 2, binding = 0) uniform MaterialBuffer {
  vec4 emission;
  vec4 baseColor;
  float fresnel;
  float roughness;
  float metallic;
  float transmission;
  float ior;
  float transmissionRoughness;
  int textureMask;
  int padding1;
  vec4 textureTransforms[6];
} material;

layout(set = 2, binding = 1) uniform sampler2D colorTexture;
layout(set = 2, binding = 2) uniform sampler2D roughnessTexture;
layout(set = 2, binding = 3) uniform sampler2D normalTexture;
layout(set = 2, binding = 4) uniform sampler2D metallicTexture;
layout(set = 2, binding = 5) uniform sampler2D emissionTexture;

struct PointLight {
  vec4 position;
  vec4 emission;
};

struct DirectionalLight {
  vec4 direction;
  vec4 emission;
};

struct SpotLight {
  vec4 position;
  vec4 direction;
  vec4 emission;
};

layout(set = 3, binding = 0) uniform SceneBuffer {
  vec4 ambientLight;
  DirectionalLight directionalLights[3];
  SpotLight spotLights[10];
  PointLight pointLights[10];
  SpotLight texturedLights[1];
} scene;

layout(location = 0) in vec3 inNormal;
layout(location = 1) in vec3 inToEye;
layout(location = 2) in vec2 inUV;
layout(location = 3) in flat uvec4 inSegmentation;

layout(location = 0) out vec4 outColor;
layout(location = 1) out uvec4 outSegmentation;

void main() {
  vec3 normal = normalize(inNormal);
  vec3 toEye = normalize(inToEye);
  vec3 base = material.baseColor.rgb;
  if ((material.textureMask & 1) != 0) {
    base = texture(colorTexture, inUV).rgb;
  }
  vec3 light = scene.ambientLight.rgb * (0.75 + 0.25 * normal.z);
  float gloss = 0.0;
  for (int i = 0; i < 2; i++) {
    vec3 toLight = -normalize(scene.directionalLights[i].direction.xyz);
    vec3 sun = scene.directionalLights[i].emission.rgb;
    light += sun * (0.3183099 * max(dot(normal, toLight), 0.0));
    float facing = max(dot(normal, normalize(toLight + toEye)), 0.0);
    gloss += 0.10 * sun.r * pow(facing, 24.0) * (1.0 - material.roughness);
  }
  vec3 linear = base * light + vec3(gloss);
  outColor = vec4(pow(min(linear, vec3(1.0)), vec3(1.0 / 2.2)), 1.0);
  outSegmentation = inSegmentation;
}
